package api

import (
	"net/http"
	"slices"

	"github.com/seed-90096f4d/sluice/fhir/search"
	"github.com/seed-90096f4d/sluice/jobs"
)

// organizer is the only resource type by which output can be organized.
const organizer = "Patient"

// readOrganizeBy reads organizeOutputBy: whether files hold blocks, one a patient
// (Bulk Data 3.0.0, "Query Parameters"). At least one of the types must be in a
// compartment, or no block could have anything.
func readOrganizeBy(params *parameters, types []string) string {
	value, ok := params.one("organizeOutputBy")
	switch {
	case !ok:
		return ""
	case value != organizer:
		_ = params.forgive(&problem{
			status: http.StatusBadRequest, code: "not-supported", parameter: "organizeOutputBy",
			text: "organizeOutputBy is Patient, not " + quote(value),
		})
		return ""
	case !slices.ContainsFunc(types, search.InCompartment):
		_ = params.forgive(invalid("organizeOutputBy", "organizeOutputBy: none of the resource types to export is in a patient's compartment"))
		return ""
	}
	return value
}

// readFileSizes reads the bounds of a file in bytes (Bulk Data 4.0.0-ballot,
// "_minimumFileSize", "_maximumFileSize"): of ndjson, before compression.
func readFileSizes(params *parameters) (least, most int64) {
	least, most = params.size("_minimumFileSize", 1), params.size("_maximumFileSize", jobs.MinMaxFileBytes)
	if most > 0 && least >= most {
		_ = params.refuse(invalid("_minimumFileSize", "_minimumFileSize is not less than _maximumFileSize: no file could be of such a size"))
	}
	return least, most
}
