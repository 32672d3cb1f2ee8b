package sample

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"time"
)

type (
	object = map[string]any // printed with its keys sorted, so always the same
	list   = []any
)

// gen makes one resource.
type gen struct {
	*world
	*rand.Rand

	i         int       // which of its type
	patient   int       // whom it is about
	encounter int       // at which visit, -1 outside of any
	start     time.Time // when
}

// visit chooses one of the patient's encounters, and when things happened.
func (g *gen) visit(resourceType string) (int, time.Time) {
	if resourceType == "Encounter" {
		return g.i, encounterStart(g.i)
	}
	if i := g.ofPatient("Encounter"); i >= 0 {
		return i, encounterStart(i)
	}
	return -1, encounterStart(g.i)
}

// ofPatient chooses a resource of a type of the same patient, or returns -1 if the
// patient has none.
func (g *gen) ofPatient(resourceType string) int {
	patients := g.counts["Patient"]
	owned := (g.counts[resourceType] - g.patient + patients - 1) / patients
	if owned <= 0 {
		return -1
	}
	return g.patient + patients*g.IntN(owned)
}

// choose chooses a resource of a type, whomever it belongs to.
func (g *gen) choose(resourceType string) object {
	return g.ref(resourceType, g.IntN(g.counts[resourceType]))
}

// about sets subject to the patient, and encounter to the visit.
func (g *gen) about(res object) {
	res["subject"] = g.ref("Patient", g.patient)
	if g.encounter >= 0 {
		res["encounter"] = g.ref("Encounter", g.encounter)
	}
}

// link sets an element, which may repeat, to a resource of the same patient, if
// there is one.
func (g *gen) link(res object, element, resourceType string) {
	if i := g.ofPatient(resourceType); i >= 0 {
		res[element] = list{g.ref(resourceType, i)}
	}
}

// chance is true in so many of a hundred cases.
func (g *gen) chance(percent int) bool { return g.IntN(100) < percent }

// pick chooses one of several.
func pick[T any](g *gen, from ...T) T { return from[g.IntN(len(from))] }

// number is a decimal with its digits as written: 37.0 stays 37.0.
func (g *gen) number(low, high float64, digits int) json.Number {
	return json.Number(fmt.Sprintf("%.*f", digits, low+g.Float64()*(high-low)))
}

// code is a code of a code system, with a text.
type code struct{ system, code, display string }

func (c code) coding() object {
	return object{"system": c.system, "code": c.code, "display": c.display}
}

func (c code) concept() object {
	return object{"coding": list{c.coding()}, "text": c.display}
}

func text(s string) object { return object{"text": s} }

// quantity is an amount in a UCUM unit.
func quantity(value json.Number, unit string) object {
	return object{"value": value, "unit": unit, "system": ucum, "code": unit}
}

func count(n int) json.Number { return json.Number(fmt.Sprint(n)) }

func money(value json.Number) object { return object{"value": value, "currency": "EUR"} }

// local is the time zone of the hospital.
var local = time.FixedZone("", 2*60*60)

func instant(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }
func date(t time.Time) string    { return t.In(local).Format(time.DateOnly) }

// dateTime is local time with its offset, as hospital systems write it.
func dateTime(t time.Time) string { return t.In(local).Format(time.RFC3339) }

func period(from time.Time, length time.Duration) object {
	return object{"start": dateTime(from), "end": dateTime(from.Add(length))}
}

const day = 24 * time.Hour
