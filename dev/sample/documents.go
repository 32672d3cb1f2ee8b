package sample

import (
	"encoding/base64"
	"strings"
)

func documentReference(g *gen, res object) {
	note := strings.Repeat(pick(g, notes...)+"\n", 3+g.IntN(25))
	res["status"] = "current"
	res["docStatus"] = "final"
	res["type"] = code{loinc, "34108-1", "Outpatient Note"}.concept()
	res["category"] = list{text("Clinical Note")}
	res["subject"] = g.ref("Patient", g.patient)
	res["date"] = instant(g.start)
	res["author"] = list{g.choose("Practitioner")}
	res["custodian"] = g.choose("Organization")
	res["content"] = list{object{
		"attachment": object{
			"contentType": "text/plain; charset=utf-8", "language": "mul", "title": "Notiz № " + count(g.i).String(),
			"data": base64.StdEncoding.EncodeToString([]byte(note)), "creation": dateTime(g.start),
		},
		"format": code{"http://ihe.net/fhir/ValueSet/IHE.FormatCode.codesystem", "urn:ihe:iti:xds:2017:mimeTypeSufficient", "mimeType Sufficient"}.coding(),
	}}
	context := object{"period": period(g.start, day)}
	if g.encounter >= 0 {
		context["encounter"] = list{g.ref("Encounter", g.encounter)}
	}
	res["context"] = context
}

// provenance names the author of one of the patient's records.
func provenance(g *gen, res object) {
	resourceType := pick(g, "Observation", "Condition", "Procedure", "Patient")
	target := g.ref("Patient", g.patient)
	if i := g.chooseOwn(resourceType); i >= 0 {
		target = g.ref(resourceType, i)
	}
	res["target"] = list{target}
	if g.chance(50) {
		res["occurredDateTime"] = dateTime(g.start)
	} else {
		res["occurredPeriod"] = period(g.start, day)
	}
	res["recorded"] = instant(g.start)
	res["activity"] = code{hl7 + "v3-DataOperation", "CREATE", "create"}.concept()
	res["agent"] = list{object{
		"type": code{hl7 + "provenance-participant-type", "author", "Author"}.concept(),
		"who":  g.choose("Practitioner"), "onBehalfOf": g.choose("Organization"),
	}}
	res["entity"] = list{object{"role": "source", "what": object{
		"type": "DocumentReference", "display": "paper record",
		"identifier": object{"system": home + "archive", "value": count(g.i).String()},
	}}}
	res["signature"] = list{object{
		"type": list{code{"urn:iso-astm:E1762-95:2013", "1.2.840.10065.1.12.1.1", "Author's Signature"}.coding()},
		"when": instant(g.start), "who": g.choose("Practitioner"), "sigFormat": "application/jose",
	}}
}
