package sample

func medication(g *gen, res object) {
	drug := drugs[g.i%len(drugs)]
	res["code"] = drug.concept()
	res["status"] = "active"
	res["form"] = code{snomed, "385055001", "Tablet dose form"}.concept()
	res["manufacturer"] = g.choose("Organization")
	res["ingredient"] = list{object{
		"itemCodeableConcept": text(drug.display), "isActive": true,
		"strength": object{"numerator": quantity(g.number(5, 500, 1), "mg"), "denominator": quantity("1", "{tbl}")},
	}}
}

func medicationRequest(g *gen, res object) {
	res["status"] = pick(g, "active", "completed", "stopped")
	res["intent"] = "order"
	g.setSubject(res)
	g.setMedication(res)
	res["authoredOn"] = dateTime(g.start)
	res["requester"] = g.choose("Practitioner")
	if g.chance(50) {
		res["reportedBoolean"] = false
	} else {
		res["reportedReference"] = g.choose("Practitioner")
	}
	g.link(res, "reasonReference", "Condition")
	res["dosageInstruction"] = list{g.dosage()}
	res["dispenseRequest"] = object{
		"numberOfRepeatsAllowed": g.IntN(4), "quantity": quantity(count(10+10*g.IntN(9)), "{tbl}"),
		"validityPeriod": object{"start": date(g.start), "end": date(g.start.Add(90 * day))},
	}
}

// setMedication references the medication in one of the three possible ways.
func (g *gen) setMedication(res object) {
	switch g.IntN(4) {
	case 0:
		res["medicationReference"] = g.choose("Medication")
	case 1:
		res["contained"] = list{object{
			"resourceType": "Medication", "id": "med", "code": pick(g, drugs...).concept(),
			"ingredient": list{object{"itemReference": g.choose("Medication")}},
		}}
		res["medicationReference"] = object{"reference": "#med", "display": "as mixed in the pharmacy"}
	default:
		res["medicationCodeableConcept"] = pick(g, drugs...).concept()
	}
}

func (g *gen) dosage() object {
	dosage := object{
		"sequence": 1, "text": "1 Tablette täglich nach dem Essen",
		"timing": object{"repeat": object{"frequency": 1, "period": 1, "periodUnit": "d"}},
		"route":  code{snomed, "26643006", "Oral route"}.concept(),
	}
	rate := object{"doseQuantity": quantity("1.0", "{tbl}")}
	if g.chance(30) {
		rate = object{"doseRange": object{"low": quantity("1", "{tbl}"), "high": quantity("2", "{tbl}")}}
	}
	if g.chance(20) {
		rate["rateRatio"] = object{"numerator": quantity("100", "mL"), "denominator": quantity("1", "h")}
	}
	dosage["doseAndRate"] = list{rate}
	if g.chance(50) {
		dosage["asNeededBoolean"] = g.chance(50)
	} else {
		dosage["asNeededCodeableConcept"] = text("pain")
	}
	if g.chance(30) {
		dosage["timing"] = object{"repeat": object{
			"boundsPeriod": object{"start": date(g.start), "end": date(g.start.Add(14 * day))},
			"period":       1, "periodUnit": "d", "when": list{"MORN", "NOON", "EVE"},
		}}
	}
	return dosage
}

func serviceRequest(g *gen, res object) {
	res["status"] = "completed"
	res["intent"] = "order"
	res["code"] = pick(g, services...).concept()
	g.setSubject(res)
	res["authoredOn"] = dateTime(g.start)
	res["requester"] = g.choose("Practitioner")
	switch g.IntN(3) {
	case 0:
		res["occurrenceDateTime"] = dateTime(g.start.Add(day))
	case 1:
		res["occurrencePeriod"] = period(g.start, 7*day)
	default:
		res["occurrenceTiming"] = object{"repeat": object{
			"boundsDuration": quantity("10", "d"), "frequency": 2, "period": 1, "periodUnit": "d",
		}}
	}
	switch g.IntN(3) {
	case 0:
		res["quantityQuantity"] = quantity("2", "{test}")
	case 1:
		res["quantityRange"] = object{"low": quantity("1", "{test}"), "high": quantity("3", "{test}")}
	}
	res["asNeededBoolean"] = false
	g.link(res, "reasonReference", "Condition")
	g.link(res, "specimen", "Specimen")
}
