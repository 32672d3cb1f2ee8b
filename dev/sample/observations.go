package sample

import (
	"encoding/json"
	"time"
)

// vital is a measurement with a number.
type vital struct {
	code      code
	unit      string
	low, high float64
	digits    int
}

var vitals = []vital{
	{code{loinc, "8302-2", "Body height"}, "cm", 50, 200, 1},
	{code{loinc, "29463-7", "Body weight"}, "kg", 3, 140, 1},
	{code{loinc, "8867-4", "Heart rate"}, "/min", 48, 130, 0},
	{code{loinc, "8310-5", "Body temperature"}, "Cel", 35.5, 40.5, 1},
	{code{loinc, "2708-6", "Oxygen saturation in Arterial blood"}, "%", 88, 100, 0},
	{code{loinc, "4548-4", "Hemoglobin A1c/Hemoglobin.total in Blood"}, "%", 4, 11, 2},
	{code{loinc, "2339-0", "Glucose [Mass/volume] in Blood"}, "mg/dL", 60, 260, 0},
	{code{loinc, "2160-0", "Creatinine [Mass/volume] in Serum or Plasma"}, "mg/dL", 0.4, 3, 2},
	{code{loinc, "2093-3", "Cholesterol [Mass/volume] in Serum or Plasma"}, "mg/dL", 110, 320, 0},
	{code{loinc, "718-7", "Hemoglobin [Mass/volume] in Blood"}, "g/dL", 8, 18, 1},
}

func observation(g *gen, res object) {
	res["status"] = pick(g, "final", "final", "final", "amended", "preliminary")
	res["category"] = list{code{hl7 + "observation-category", "vital-signs", "Vital Signs"}.concept()}
	g.setSubject(res)
	g.setEffective(res)
	res["issued"] = instant(g.start.Add(2 * time.Hour))
	res["performer"] = list{g.choose("Practitioner")}

	switch n := g.IntN(100); {
	case n < 65:
		g.setQuantity(res)
	case n < 80:
		g.setBloodPressure(res)
	default:
		g.setOtherValue(res)
	}
	if g.chance(15) {
		res["note"] = list{object{"text": pick(g, notes...)}}
	}
}

func (g *gen) setEffective(res object) {
	switch g.IntN(12) {
	case 0:
		res["effectivePeriod"] = period(g.start, time.Hour)
	case 1:
		res["effectiveInstant"] = instant(g.start)
	case 2:
		res["effectiveTiming"] = object{"event": list{dateTime(g.start), dateTime(g.start.Add(time.Hour))}}
	default:
		res["effectiveDateTime"] = dateTime(g.start)
	}
}

func (g *gen) setQuantity(res object) {
	v := pick(g, vitals...)
	res["code"] = v.code.concept()
	res["valueQuantity"] = quantity(g.number(v.low, v.high, v.digits), v.unit)
	res["referenceRange"] = list{object{
		"low":  quantity(g.number(v.low, v.low, v.digits), v.unit),
		"high": quantity(g.number(v.high, v.high, v.digits), v.unit),
	}}
	if g.chance(25) {
		const interpretation = hl7 + "v3-ObservationInterpretation"
		res["interpretation"] = list{pick(g, code{interpretation, "H", "High"}, code{interpretation, "N", "Normal"}).concept()}
	}
}

func (g *gen) setBloodPressure(res object) {
	component := func(c code, low, high float64) object {
		return object{"code": c.concept(), "valueQuantity": quantity(g.number(low, high, 0), "mm[Hg]")}
	}
	res["code"] = code{loinc, "85354-9", "Blood pressure panel with all children optional"}.concept()
	res["component"] = list{
		component(code{loinc, "8480-6", "Systolic blood pressure"}, 95, 180),
		component(code{loinc, "8462-4", "Diastolic blood pressure"}, 55, 110),
	}
}

// setOtherValue gives the observation a value of one of the ten types other than Quantity,
// or a reason for its absence.
func (g *gen) setOtherValue(res object) {
	res["code"] = code{loinc, "8716-3", "Vital signs"}.concept()
	switch g.IntN(11) {
	case 0:
		res["code"] = code{loinc, "72166-2", "Tobacco smoking status"}.concept()
		res["valueCodeableConcept"] = code{snomed, "266919005", "Never smoked tobacco"}.concept()
	case 1:
		res["valueString"] = pick(g, notes...)
		res["_valueString"] = object{"extension": list{object{"url": ext + "rendering-markdown", "valueMarkdown": "**as dictated**"}}}
	case 2:
		res["valueBoolean"] = g.chance(50)
	case 3:
		res["valueInteger"] = g.IntN(200)
	case 4:
		res["valueRange"] = object{"low": quantity("3.50", "mmol/L"), "high": quantity("5.00", "mmol/L")}
	case 5:
		res["valueRatio"] = object{"numerator": object{"value": 1}, "denominator": object{"value": json.Number("128")}}
	case 6:
		res["valueSampledData"] = object{
			"origin": quantity("0", "mV"), "period": 10, "factor": json.Number("0.0016"), "dimensions": 1,
			"data": "2041 2043 2037 2047 2060 2062 E 2051 2023 2014 2027 2034",
		}
	case 7:
		res["valueTime"] = "07:45:00"
	case 8:
		res["valueDateTime"] = dateTime(g.start)
	case 9:
		res["valuePeriod"] = period(g.start, 3*time.Hour)
	default:
		res["dataAbsentReason"] = code{hl7 + "data-absent-reason", "not-performed", "Not Performed"}.concept()
	}
}

func specimen(g *gen, res object) {
	res["status"] = "available"
	res["accessionIdentifier"] = object{"system": home + "specimen", "value": count(g.i).String()}
	res["type"] = pick(g, code{snomed, "119297000", "Blood specimen"}, code{snomed, "122575003", "Urine specimen"}).concept()
	res["subject"] = g.ref("Patient", g.patient)
	res["receivedTime"] = dateTime(g.start.Add(time.Hour))
	collection := object{"collector": g.choose("Practitioner"), "quantity": quantity(g.number(1, 9, 2), "mL")}
	if g.chance(50) {
		collection["collectedDateTime"] = dateTime(g.start)
		collection["fastingStatusDuration"] = quantity(count(6+g.IntN(8)), "h")
	} else {
		collection["collectedPeriod"] = period(g.start, 10*time.Minute)
	}
	res["collection"] = collection
	res["container"] = list{object{"type": text("EDTA tube"), "additiveCodeableConcept": text("EDTA")}}
}

func diagnosticReport(g *gen, res object) {
	res["status"] = "final"
	res["category"] = list{code{hl7 + "v2-0074", "LAB", "Laboratory"}.concept()}
	res["code"] = pick(g, services...).concept()
	g.setSubject(res)
	if g.chance(80) {
		res["effectiveDateTime"] = dateTime(g.start)
	} else {
		res["effectivePeriod"] = period(g.start, time.Hour)
	}
	res["issued"] = instant(g.start.Add(5 * time.Hour))
	res["performer"] = list{g.choose("Organization")}
	var results list
	for range 3 {
		if i := g.chooseOwn("Observation"); i >= 0 {
			results = append(results, g.ref("Observation", i))
		}
	}
	if results != nil {
		res["result"] = results
	}
	g.link(res, "specimen", "Specimen")
	res["conclusion"] = pick(g, notes...)
}
