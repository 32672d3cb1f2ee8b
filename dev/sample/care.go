package sample

import "time"

func careTeam(g *gen, res object) {
	res["status"] = "active"
	res["name"] = "Équipe de soins"
	g.setSubject(res)
	res["period"] = object{"start": date(g.start)}
	res["participant"] = list{
		object{"role": list{code{snomed, "116154003", "Patient"}.concept()}, "member": g.ref("Patient", g.patient)},
		object{"role": list{code{snomed, "17561000", "Cardiologist"}.concept()}, "member": g.choose("Practitioner"), "onBehalfOf": g.choose("Organization")},
	}
	g.link(res, "reasonReference", "Condition")
}

func goal(g *gen, res object) {
	res["lifecycleStatus"] = "active"
	res["achievementStatus"] = code{hl7 + "goal-achievement", "in-progress", "In Progress"}.concept()
	res["description"] = text("HbA1c < 7 % & Blutdruck < 140/90")
	res["subject"] = g.ref("Patient", g.patient)
	res["expressedBy"] = g.choose("Practitioner")
	if g.chance(60) {
		res["startDate"] = date(g.start)
	} else {
		res["startCodeableConcept"] = code{snomed, "32485007", "Hospital admission"}.concept()
	}

	target := object{"measure": vitals[5].code.concept(), "dueDate": date(g.start.Add(180 * day))}
	switch g.IntN(4) {
	case 0:
		target["detailRange"] = object{"low": quantity("5.0", "%"), "high": quantity("7.0", "%")}
	case 1:
		target["detailQuantity"] = object{"value": 7, "comparator": "<", "unit": "%", "system": ucum, "code": "%"}
	case 2:
		target["detailString"] = "meno del 7 %"
	default:
		target["detailInteger"] = 7
		delete(target, "dueDate")
		target["dueDuration"] = quantity("6", "mo")
	}
	res["target"] = list{target}
}

func carePlan(g *gen, res object) {
	res["status"] = "active"
	res["intent"] = "plan"
	res["title"] = "План лечения"
	res["category"] = list{text("Diabetes self management plan")}
	g.setSubject(res)
	res["period"] = object{"start": date(g.start)}
	res["created"] = dateTime(g.start)
	g.link(res, "careTeam", "CareTeam")
	g.link(res, "goal", "Goal")
	g.link(res, "addresses", "Condition")

	diet := object{"kind": "ServiceRequest", "code": text("Diabetic diet"), "status": "in-progress", "scheduledString": "bei jeder Mahlzeit"}
	drug := object{"kind": "MedicationRequest", "status": "scheduled", "productCodeableConcept": pick(g, drugs...).concept(),
		"scheduledTiming": object{"repeat": object{"frequency": 1, "period": count(1), "periodUnit": "d"}}}
	if g.chance(50) {
		diet["scheduledPeriod"] = period(g.start, 60*day)
		delete(diet, "scheduledString")
		delete(drug, "productCodeableConcept")
		drug["productReference"] = g.choose("Medication")
	}
	res["activity"] = list{object{"detail": diet}, object{"detail": drug}}
}

func appointment(g *gen, res object) {
	res["status"] = pick(g, "booked", "fulfilled", "cancelled")
	res["serviceType"] = list{text("General practice")}
	res["description"] = pick(g, notes...)
	res["start"] = instant(g.start)
	res["end"] = instant(g.start.Add(30 * time.Minute))
	res["minutesDuration"] = 30
	res["participant"] = list{
		object{"actor": g.ref("Patient", g.patient), "required": "required", "status": "accepted"},
		object{"actor": g.choose("Practitioner"), "status": "accepted"},
		object{"actor": g.choose("Location"), "status": "accepted"},
	}
}

func questionnaireResponse(g *gen, res object) {
	res["questionnaire"] = home + "Questionnaire/intake|2.0"
	res["status"] = "completed"
	g.setSubject(res)
	res["authored"] = dateTime(g.start)
	res["source"] = g.ref("Patient", g.patient)
	res["item"] = list{
		object{"linkId": "1", "text": "Do you smoke?", "answer": list{object{
			"valueBoolean": true,
			"item":         list{object{"linkId": "1.1", "text": "How many a day?", "answer": list{object{"valueInteger": 1 + g.IntN(30)}}}},
		}}},
		object{"linkId": "2", "text": "About you", "item": list{
			object{"linkId": "2.1", "answer": list{object{"valueDate": date(g.birth())}}},
			object{"linkId": "2.2", "answer": list{object{"valueCoding": code{snomed, "224299000", "Received higher education"}.coding()}}},
			object{"linkId": "2.3", "answer": list{object{"valueString": pick(g, notes...)}, object{"valueDecimal": g.number(1, 9, 3)}}},
			object{"linkId": "2.4", "answer": list{object{"valueReference": g.choose("Practitioner")}}},
		}},
	}
}
