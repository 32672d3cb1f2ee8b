package sample

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"time"
)

type (
	object = map[string]any // encoded with sorted keys
	list   = []any
)

// gen generates one resource.
type gen struct {
	*world
	*rand.Rand

	i         int       // its number within its type
	patient   int       // its patient
	encounter int       // its encounter; -1 if it has none
	start     time.Time // of the encounter
}

// chooseEncounter chooses one of the patient's encounters, and returns its start.
func (g *gen) chooseEncounter(resourceType string) (int, time.Time) {
	if resourceType == "Encounter" {
		return g.i, encounterStart(g.i)
	}
	if i := g.chooseOwn("Encounter"); i >= 0 {
		return i, encounterStart(i)
	}
	return -1, encounterStart(g.i)
}

// chooseOwn chooses a resource of a type of the same patient; -1 if the patient has none.
func (g *gen) chooseOwn(resourceType string) int {
	patients := g.counts["Patient"]
	owned := (g.counts[resourceType] - g.patient + patients - 1) / patients
	if owned <= 0 {
		return -1
	}
	return g.patient + patients*g.IntN(owned)
}

// choose returns a reference to any resource of a type.
func (g *gen) choose(resourceType string) object {
	return g.ref(resourceType, g.IntN(g.counts[resourceType]))
}

// setSubject sets subject and encounter.
func (g *gen) setSubject(res object) {
	res["subject"] = g.ref("Patient", g.patient)
	if g.encounter >= 0 {
		res["encounter"] = g.ref("Encounter", g.encounter)
	}
}

// link sets a repeatable element to a resource of the same patient, if there is one.
func (g *gen) link(res object, element, resourceType string) {
	if i := g.chooseOwn(resourceType); i >= 0 {
		res[element] = list{g.ref(resourceType, i)}
	}
}

// chance reports true with a probability in percent.
func (g *gen) chance(percent int) bool { return g.IntN(100) < percent }

// pick chooses one of several values.
func pick[T any](g *gen, from ...T) T { return from[g.IntN(len(from))] }

// number returns a decimal with a number of digits: 37.0 stays 37.0.
func (g *gen) number(low, high float64, digits int) json.Number {
	return json.Number(fmt.Sprintf("%.*f", digits, low+g.Float64()*(high-low)))
}

// code is a code of a code system.
type code struct{ system, code, display string }

func (c code) coding() object {
	return object{"system": c.system, "code": c.code, "display": c.display}
}

func (c code) concept() object {
	return object{"coding": list{c.coding()}, "text": c.display}
}

func text(s string) object { return object{"text": s} }

// quantity returns an amount in a UCUM unit.
func quantity(value json.Number, unit string) object {
	return object{"value": value, "unit": unit, "system": ucum, "code": unit}
}

func count(n int) json.Number { return json.Number(fmt.Sprint(n)) }

func money(value json.Number) object { return object{"value": value, "currency": "EUR"} }

// local is the hospital's time zone.
var local = time.FixedZone("", 2*60*60)

func instant(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }
func date(t time.Time) string    { return t.In(local).Format(time.DateOnly) }

// dateTime returns local time with its offset, as hospital systems write it.
func dateTime(t time.Time) string { return t.In(local).Format(time.RFC3339) }

func period(from time.Time, length time.Duration) object {
	return object{"start": dateTime(from), "end": dateTime(from.Add(length))}
}

const day = 24 * time.Hour
