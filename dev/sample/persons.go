package sample

import (
	"fmt"
	"time"
)

func (g *gen) name(gender string) object {
	name := object{"use": "official", "family": pick(g, familyNames...), "given": list{pick(g, givenNames[gender]...)}}
	switch g.IntN(8) {
	case 0:
		name["given"] = append(name["given"].(list), pick(g, givenNames[gender]...))
		name["_given"] = list{nil, object{"id": "second"}} // a sibling of one of two
	case 1:
		name["_family"] = object{"extension": list{object{"url": ext + "humanname-own-prefix", "valueString": "von"}}}
		name["family"] = "von " + name["family"].(string)
	case 2:
		name["prefix"] = list{"Dr."}
	}
	return name
}

func (g *gen) address() object {
	city := pick(g, cities...)
	address := object{
		"use": "home", "city": city.city, "postalCode": city.postalCode, "country": city.country,
		"line": list{fmt.Sprintf("%s %d", pick(g, streets...), 1+g.IntN(220))},
	}
	if city.state != "" {
		address["state"] = city.state
	}
	return address
}

func (g *gen) phone(use string) object {
	return object{"system": "phone", "use": use, "value": fmt.Sprintf("+00 555 %07d", g.IntN(10_000_000))}
}

func (g *gen) gender() string {
	return pick(g, "female", "male", "female", "male", "female", "male", "other")
}

func (g *gen) birth() time.Time {
	return time.Date(1930+g.IntN(92), time.Month(1+g.IntN(12)), 1+g.IntN(28), g.IntN(24), g.IntN(60), 0, 0, time.UTC)
}

func patient(g *gen, res object) {
	gender, born := g.gender(), g.birth()
	res["meta"].(object)["profile"] = list{usExt + "us-core-patient"}
	res["identifier"] = list{object{
		"use": "usual", "type": code{hl7 + "v2-0203", "MR", "Medical record number"}.concept(),
		"system": home + "mrn", "value": fmt.Sprintf("%08d", g.i),
		"assigner": g.choose("Organization"),
	}}
	res["active"] = true
	res["name"] = list{g.name(gender)}
	res["gender"] = gender
	res["birthDate"] = date(born)
	res["_birthDate"] = object{"extension": list{object{"url": ext + "patient-birthTime", "valueDateTime": dateTime(born)}}}
	res["telecom"] = list{g.phone("home"), object{"system": "email", "value": fmt.Sprintf("patient%d@sluice.example", g.i)}}
	res["address"] = list{g.address()}
	res["maritalStatus"] = pick(g,
		code{hl7 + "v3-MaritalStatus", "M", "Married"}, code{hl7 + "v3-MaritalStatus", "S", "Never Married"},
		code{hl7 + "v3-MaritalStatus", "W", "Widowed"}).concept()
	res["communication"] = list{object{
		"language":  code{"urn:ietf:bcp:47", pick(g, "de", "pl", "ja", "el", "uk", "fr-CA"), "first language"}.concept(),
		"preferred": true,
	}}
	res["generalPractitioner"] = list{g.choose("Practitioner")}
	res["managingOrganization"] = g.choose("Organization")
	res["extension"] = g.patientExtensions()

	switch g.IntN(12) {
	case 0:
		res["deceasedDateTime"] = dateTime(g.start)
	case 1, 2:
		res["deceasedBoolean"] = false
	}
	switch g.IntN(15) {
	case 0:
		res["multipleBirthInteger"] = 1 + g.IntN(2)
	case 1:
		res["multipleBirthBoolean"] = false
	}
}

// patientExtensions has one with extensions inside, which Aidbox would keep as
// elements of their own, and plain ones of several types.
func (g *gen) patientExtensions() list {
	race := pick(g, code{"urn:oid:2.16.840.1.113883.6.238", "2106-3", "White"},
		code{"urn:oid:2.16.840.1.113883.6.238", "2028-9", "Asian"},
		code{"urn:oid:2.16.840.1.113883.6.238", "2054-5", "Black or African American"})
	extensions := list{
		object{"url": usExt + "us-core-race", "extension": list{
			object{"url": "ombCategory", "valueCoding": race.coding()},
			object{"url": "text", "valueString": race.display},
		}},
		object{"url": ext + "patient-mothersMaidenName", "valueString": pick(g, familyNames...)},
		object{"url": ext + "patient-birthPlace", "valueAddress": g.address()},
	}
	if g.chance(20) {
		extensions = append(extensions, object{"url": ext + "patient-interpreterRequired", "valueBoolean": g.chance(50)})
	}
	return extensions
}

func relatedPerson(g *gen, res object) {
	gender := g.gender()
	res["active"] = true
	res["patient"] = g.ref("Patient", g.patient)
	res["relationship"] = list{pick(g,
		code{hl7 + "v3-RoleCode", "MTH", "mother"}, code{hl7 + "v3-RoleCode", "FTH", "father"},
		code{hl7 + "v3-RoleCode", "SPS", "spouse"}).concept()}
	res["name"] = list{g.name(gender)}
	res["gender"] = gender
	res["telecom"] = list{g.phone("mobile")}
	res["birthDate"] = fmt.Sprint(1940 + g.IntN(60)) // a year is a date in FHIR
}

func practitioner(g *gen, res object) {
	gender := g.gender()
	res["identifier"] = list{object{"system": "http://hl7.org/fhir/sid/us-npi", "value": fmt.Sprintf("99%08d", g.i)}}
	res["active"] = true
	res["name"] = list{g.name(gender)}
	res["gender"] = gender
	res["telecom"] = list{g.phone("work")}
	res["qualification"] = list{object{
		"code":   code{hl7 + "v2-0360", "MD", "Doctor of Medicine"}.concept(),
		"period": object{"start": fmt.Sprint(1985 + g.IntN(35))},
		"issuer": g.choose("Organization"),
	}}
}

func practitionerRole(g *gen, res object) {
	res["active"] = true
	res["practitioner"] = g.ref("Practitioner", g.i%g.counts["Practitioner"])
	res["organization"] = g.choose("Organization")
	res["location"] = list{g.choose("Location")}
	res["code"] = list{code{hl7 + "practitioner-role", "doctor", "Doctor"}.concept()}
	res["specialty"] = list{pick(g, code{snomed, "394579002", "Cardiology"}, code{snomed, "394814009", "General practice"},
		code{snomed, "394537008", "Pediatric specialty"}).concept()}
	res["availableTime"] = list{object{
		"daysOfWeek": list{"mon", "wed", "fri"}, "availableStartTime": "08:30:00", "availableEndTime": "16:00:00",
	}}
}
