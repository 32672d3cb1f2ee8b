package sample

import (
	"fmt"
	"time"
)

func encounter(g *gen, res object) {
	const classes = hl7 + "v3-ActCode"
	class := pick(g, code{classes, "AMB", "ambulatory"}, code{classes, "AMB", "ambulatory"},
		code{classes, "EMER", "emergency"}, code{classes, "IMP", "inpatient encounter"})
	length := time.Duration(15+g.IntN(90)) * time.Minute
	if class.code == "IMP" {
		length *= 40
		res["hospitalization"] = object{
			"admitSource":            code{hl7 + "admit-source", "gp", "General Practitioner referral"}.concept(),
			"dischargeDisposition":   code{hl7 + "discharge-disposition", "home", "Home"}.concept(),
			"preAdmissionIdentifier": object{"system": home + "pre-admission", "value": fmt.Sprint(g.i)},
		}
	}
	res["status"] = "finished"
	res["class"] = class.coding()
	res["type"] = list{code{snomed, "185349003", "Encounter for check up"}.concept()}
	res["subject"] = g.ref("Patient", g.patient)
	res["participant"] = list{object{"individual": g.choose("Practitioner"), "period": period(g.start, length)}}
	res["period"] = period(g.start, length)
	res["length"] = quantity(count(int(length.Minutes())), "min")
	res["reasonCode"] = list{pick(g, conditions...).concept()}
	res["location"] = list{object{"location": g.choose("Location"), "status": "completed"}}
	res["serviceProvider"] = g.choose("Organization")
}

func condition(g *gen, res object) {
	const clinical = hl7 + "condition-clinical"
	what := pick(g, conditions...)
	res["verificationStatus"] = code{hl7 + "condition-ver-status", "confirmed", "Confirmed"}.concept()
	res["category"] = list{code{hl7 + "condition-category", "encounter-diagnosis", "Encounter Diagnosis"}.concept()}
	res["code"] = what.concept()
	g.setSubject(res)
	res["recordedDate"] = dateTime(g.start)

	switch g.IntN(5) {
	case 0:
		res["onsetAge"] = quantity(count(5+g.IntN(60)), "a")
	case 1:
		res["onsetPeriod"] = period(g.start.Add(-9*day), 5*day)
	case 2:
		res["onsetString"] = "seit der Kindheit"
	default:
		res["onsetDateTime"] = date(g.start.Add(-3 * day))
	}

	res["clinicalStatus"] = code{clinical, "active", "Active"}.concept()
	if g.chance(40) {
		res["clinicalStatus"] = code{clinical, "resolved", "Resolved"}.concept()
		if g.chance(70) {
			res["abatementDateTime"] = dateTime(g.start.Add(20 * day))
		} else {
			res["abatementString"] = "after the second course of treatment"
		}
	}
	if g.chance(15) { // a recorder who has no resource
		res["contained"] = list{object{"resourceType": "Practitioner", "id": "recorder", "name": list{g.name("female")}}}
		res["recorder"] = object{"reference": "#recorder"}
	}
	if g.chance(10) {
		res["text"] = object{
			"status": "generated",
			"div":    `<div xmlns="http://www.w3.org/1999/xhtml"><p>` + what.display + ` &amp; care</p></div>`,
		}
	}
}

func allergy(g *gen, res object) {
	res["clinicalStatus"] = code{hl7 + "allergyintolerance-clinical", "active", "Active"}.concept()
	res["verificationStatus"] = code{hl7 + "allergyintolerance-verification", "confirmed", "Confirmed"}.concept()
	res["type"] = "allergy"
	res["category"] = list{pick(g, "food", "medication", "environment")}
	res["criticality"] = pick(g, "low", "high", "unable-to-assess")
	res["code"] = pick(g, allergens...).concept()
	res["patient"] = g.ref("Patient", g.patient)
	res["recordedDate"] = dateTime(g.start)
	if g.chance(50) {
		res["onsetRange"] = object{"low": quantity("2", "a"), "high": quantity("4", "a")}
	} else {
		res["onsetDateTime"] = fmt.Sprint(2000 + g.IntN(20))
	}
	res["reaction"] = list{object{
		"manifestation": list{code{snomed, "247472004", "Hives"}.concept()},
		"severity":      pick(g, "mild", "moderate", "severe"),
	}}
}

func procedure(g *gen, res object) {
	res["status"] = "completed"
	res["code"] = pick(g, procedures...).concept()
	g.setSubject(res)
	switch g.IntN(4) {
	case 0:
		res["performedDateTime"] = dateTime(g.start)
	case 1:
		res["performedString"] = "während des Aufenthalts"
	default:
		res["performedPeriod"] = period(g.start, time.Hour)
	}
	res["performer"] = list{object{"actor": g.choose("Practitioner"), "onBehalfOf": g.choose("Organization")}}
	res["location"] = g.choose("Location")
	g.link(res, "reasonReference", "Condition")
	res["note"] = list{object{"authorReference": g.choose("Practitioner"), "text": pick(g, notes...)}}
}

func immunization(g *gen, res object) {
	res["status"] = "completed"
	res["vaccineCode"] = pick(g, vaccines...).concept()
	res["patient"] = g.ref("Patient", g.patient)
	if g.encounter >= 0 {
		res["encounter"] = g.ref("Encounter", g.encounter)
	}
	res["primarySource"] = true
	res["occurrenceDateTime"] = dateTime(g.start)
	if g.chance(10) {
		delete(res, "occurrenceDateTime")
		res["occurrenceString"] = "in childhood, as the mother recalls"
		res["primarySource"] = false
	}
	res["lotNumber"] = fmt.Sprintf("LOT%05d", g.IntN(1e5))
	res["doseQuantity"] = quantity("0.50", "mL")
	res["performer"] = list{object{"actor": g.choose("Practitioner")}}
	dose := object{"doseNumberPositiveInt": 1 + g.IntN(3), "seriesDosesPositiveInt": 3}
	if g.chance(20) {
		dose = object{"doseNumberString": "booster"}
	}
	res["protocolApplied"] = list{dose}
}
