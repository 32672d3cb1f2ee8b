package sample

import "fmt"

func organization(g *gen, res object) {
	city := cities[g.i%len(cities)]
	res["identifier"] = list{object{"system": home + "organization", "value": fmt.Sprintf("org-%04d", g.i)}}
	res["active"] = true
	res["type"] = list{code{hl7 + "organization-type", "prov", "Healthcare Provider"}.concept()}
	res["name"] = fmt.Sprintf("%s Hospital No. %d", city.city, 1+g.i/len(cities))
	res["alias"] = list{city.city}
	res["telecom"] = list{g.phone("work")}
	res["address"] = list{g.address()}
	if g.i > 0 && g.chance(30) {
		res["partOf"] = g.ref("Organization", g.IntN(g.i))
	}
}

func location(g *gen, res object) {
	res["status"] = "active"
	res["mode"] = "instance"
	res["name"] = fmt.Sprintf("Ward %d", 1+g.i)
	res["type"] = list{code{hl7 + "v3-RoleCode", "HOSP", "Hospital"}.concept()}
	res["physicalType"] = code{hl7 + "location-physical-type", "wa", "Ward"}.concept()
	res["address"] = g.address()
	res["position"] = object{"longitude": g.number(-20, 40, 6), "latitude": g.number(35, 65, 6)}
	res["managingOrganization"] = g.choose("Organization")
}

func device(g *gen, res object) {
	res["status"] = "active"
	res["udiCarrier"] = list{object{"deviceIdentifier": fmt.Sprintf("%014d", g.Int64N(1e14)), "carrierHRF": fmt.Sprintf("(01)%014d", g.i)}}
	res["deviceName"] = list{object{"name": pick(g, "Dual chamber pacemaker", "Insulin pump", "Pulse oximeter"), "type": "user-friendly-name"}}
	res["manufactureDate"] = dateTime(g.start.Add(-400 * day))
	res["serialNumber"] = fmt.Sprintf("SN-%06d", g.IntN(1e6))
	res["type"] = pick(g, code{snomed, "14106009", "Cardiac pacemaker, device"}, code{snomed, "69805005", "Insulin pump, device"}).concept()
	res["patient"] = g.ref("Patient", g.patient)
	res["note"] = list{object{"authorString": "technician", "time": dateTime(g.start), "text": pick(g, notes...)}}
}

// group lists up to forty patients, some no longer in it.
func group(g *gen, res object) {
	res["active"] = true
	res["type"] = "person"
	res["actual"] = true
	res["name"] = fmt.Sprintf("Cohort %d", 1+g.i)
	res["managingEntity"] = g.choose("Organization")
	res["characteristic"] = list{
		object{"code": text("gender"), "valueCodeableConcept": text("any"), "exclude": false},
		object{"code": text("age"), "valueRange": object{"low": quantity("18", "a"), "high": quantity(count(40+g.IntN(50)), "a")}, "exclude": false},
		object{"code": text("smoker"), "valueBoolean": true, "exclude": g.chance(50)},
	}

	patients := g.counts["Patient"]
	var members list
	for n := range min(patients, 40) {
		member := object{
			"entity": g.ref("Patient", (g.i*17+n*3)%patients),
			"period": object{"start": date(g.start)},
		}
		if g.chance(10) {
			member["inactive"] = true
		}
		members = append(members, member)
	}
	res["quantity"] = len(members)
	res["member"] = members
}

func coverage(g *gen, res object) {
	res["status"] = "active"
	res["type"] = code{hl7 + "v3-ActCode", "EHCPOL", "extended healthcare"}.concept()
	res["subscriber"] = g.ref("Patient", g.patient)
	res["subscriberId"] = fmt.Sprintf("S%09d", g.i)
	res["beneficiary"] = g.ref("Patient", g.patient)
	res["relationship"] = code{hl7 + "subscriber-relationship", "self", "Self"}.concept()
	res["period"] = object{"start": "2024-01", "end": "2025-12-31"} // a month is a dateTime in FHIR
	res["payor"] = list{g.choose("Organization")}
	res["class"] = list{object{
		"type": code{hl7 + "coverage-class", "plan", "Plan"}.concept(), "value": fmt.Sprint(g.IntN(9)), "name": "Basisversicherung",
	}}
	res["costToBeneficiary"] = list{
		object{"type": code{hl7 + "coverage-copay-type", "gpvisit", "GP Office Visit"}.concept(), "valueMoney": money("20.00")},
		object{"type": code{hl7 + "coverage-copay-type", "copaypct", "Copay Percentage"}.concept(), "valueQuantity": quantity("15.0", "%")},
	}
}

func claim(g *gen, res object) {
	visit := object{"sequence": 1, "productOrService": pick(g, procedures...).concept(), "net": money(g.number(20, 900, 2))}
	if g.encounter >= 0 {
		visit["encounter"] = list{g.ref("Encounter", g.encounter)}
	}
	drug := object{"sequence": 2, "productOrService": pick(g, drugs...).concept(), "net": money(g.number(2, 90, 2))}
	if g.chance(50) {
		visit["servicedDate"] = date(g.start)
		drug["locationReference"] = g.choose("Location")
	} else {
		visit["servicedPeriod"] = period(g.start, day)
		drug["locationAddress"] = g.address()
	}

	res["status"] = "active"
	res["type"] = code{hl7 + "claim-type", "professional", "Professional"}.concept()
	res["use"] = "claim"
	res["patient"] = g.ref("Patient", g.patient)
	res["billablePeriod"] = period(g.start, day)
	res["created"] = dateTime(g.start.Add(day))
	res["provider"] = g.choose("Organization")
	res["priority"] = code{hl7 + "processpriority", "normal", "Normal"}.concept()
	res["insurance"] = list{object{"sequence": 1, "focal": true, "coverage": g.ref("Coverage", g.patient)}}
	res["item"] = list{visit, drug}
	res["total"] = money(g.number(30, 990, 2))
	res["diagnosis"] = list{object{"sequence": 1, "diagnosisCodeableConcept": pick(g, conditions...).concept()}}
	if i := g.chooseOwn("Condition"); i >= 0 {
		res["diagnosis"] = list{object{"sequence": 1, "diagnosisReference": g.ref("Condition", i)}}
	}
}
