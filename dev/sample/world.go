package sample

import (
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"time"
)

// kind is a resource type, its share, and its generator.
type kind struct {
	resourceType string
	share        int // of 1000 resources
	fill         func(*gen, object)
}

// kinds are all types, in the order in which they are written. Observations are the
// remainder.
var kinds = []kind{
	{"Organization", 2, organization},
	{"Location", 3, location},
	{"Practitioner", 4, practitioner},
	{"PractitionerRole", 4, practitionerRole},
	{"Patient", 30, patient},
	{"RelatedPerson", 6, relatedPerson},
	{"Coverage", 30, coverage},
	{"Encounter", 110, encounter},
	{"Condition", 60, condition},
	{"AllergyIntolerance", 6, allergy},
	{"Procedure", 60, procedure},
	{"Immunization", 35, immunization},
	{"Medication", 1, medication},
	{"MedicationRequest", 60, medicationRequest},
	{"ServiceRequest", 15, serviceRequest},
	{"Specimen", 10, specimen},
	{"Observation", 0, observation},
	{"DiagnosticReport", 50, diagnosticReport},
	{"DocumentReference", 20, documentReference},
	{"CareTeam", 6, careTeam},
	{"Goal", 6, goal},
	{"CarePlan", 10, carePlan},
	{"Appointment", 12, appointment},
	{"QuestionnaireResponse", 8, questionnaireResponse},
	{"Device", 4, device},
	{"Claim", 60, claim},
	{"Provenance", 15, provenance},
	{"Group", 1, group},
}

// world holds the number of resources of each type, from which any of them can be
// referenced before it is generated: resource i of a type belongs to patient i modulo the
// number of patients.
type world struct {
	counts map[string]int
}

func newWorld(resources int) *world {
	w := &world{counts: make(map[string]int)}
	rest := resources
	for _, k := range kinds {
		count := max(1, resources*k.share/1000)
		w.counts[k.resourceType] = count
		rest -= count
	}
	w.counts["Observation"] += max(0, rest)
	return w
}

// random returns the random source of resource i of a type, which does not depend on the
// number of resources.
func random(resourceType string, i int) *rand.Rand {
	return rand.New(rand.NewPCG(seed(resourceType), uint64(i)))
}

func seed(resourceType string) uint64 {
	hash := fnv.New64a()
	_, _ = hash.Write([]byte(resourceType))
	return hash.Sum64()
}

// id returns the id of resource i of a type, in the form of a random UUID.
func (w *world) id(resourceType string, i int) string {
	r := random("id of "+resourceType, i)
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], r.Uint64())
	binary.BigEndian.PutUint64(b[8:], r.Uint64())
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// ref returns a reference to resource i of a type.
func (w *world) ref(resourceType string, i int) object {
	return object{"reference": resourceType + "/" + w.id(resourceType, i)}
}

// encounterStart returns the start of encounter i, in 2024 or 2025.
func encounterStart(i int) time.Time {
	const minutes = 710 * 24 * 60
	opening := time.Date(2024, time.January, 2, 6, 0, 0, 0, time.UTC)
	return opening.Add(time.Duration(random("start", i).IntN(minutes)) * time.Minute)
}

// resource generates resource i of a kind.
func (w *world) resource(k kind, i int) object {
	g := &gen{world: w, Rand: random(k.resourceType, i), i: i, patient: i % w.counts["Patient"]}
	g.encounter, g.start = g.chooseEncounter(k.resourceType)

	changed := g.start.Add(time.Hour + time.Duration(g.Int64N(int64(9*24*time.Hour))).Truncate(time.Millisecond))
	res := object{
		"resourceType": k.resourceType,
		"id":           w.id(k.resourceType, i),
		"meta":         object{"lastUpdated": instant(changed)},
	}
	k.fill(g, res)
	return res
}
