package sql

import (
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/seed-90096f4d/sluice/api/endpoint"
	"github.com/seed-90096f4d/sluice/api/problem"
	"github.com/seed-90096f4d/sluice/view/store"
)

// parseCondition parses If-Match and If-None-Match of a request that changes a
// ViewDefinition (RFC 9110, section 13.1). FHIR's tags are weak ones; they are compared
// without that prefix. If-None-Match must be *.
func parseCondition(call *endpoint.Call) (only store.Condition, err error) {
	switch match := call.GetHeader("If-Match"); match {
	case "":
	case "*":
		only.Exists = true
	default:
		only.UpdatedAt = parseTags(match)
	}
	switch match := call.GetHeader("If-None-Match"); match {
	case "":
	case "*":
		only.New = true
	default:
		return only, problem.NotSupported("If-None-Match", "If-None-Match must be *, got %s", problem.Quote(match))
	}
	return only, nil
}

// parseTags returns the times of the versions in a list of tags. A tag that is not one of
// ours matches none.
func parseTags(list string) []time.Time {
	times := []time.Time{}
	for tag := range strings.SplitSeq(list, ",") {
		tag = strings.TrimPrefix(strings.TrimSpace(tag), "W/")
		micros, err := strconv.ParseInt(strings.Trim(tag, `"`), 10, 64)
		if at := time.UnixMicro(micros); err == nil && at.Year() > 0 && at.Year() < 10_000 { // that PostgreSQL has
			times = append(times, at)
		}
	}
	return times
}

// changeProblem returns the problem of a change that was not made.
func changeProblem(err error) error {
	if errors.Is(err, store.ErrCondition) {
		return &problem.Problem{
			Status: http.StatusPreconditionFailed, Code: "conflict",
			Text: "precondition failed: the stored ViewDefinition is not what If-Match or If-None-Match requires; read it again",
		}
	}
	return problem.Unavailable(err)
}
