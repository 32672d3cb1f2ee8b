package fhir

import (
	_ "embed"
	"sync"
)

//go:embed r4.tables
var r4Text string

var r4 = sync.OnceValue(func() *Tables {
	t, err := parseTables(r4Text)
	if err != nil {
		panic("fhir: the embedded R4 tables: " + err.Error()) // cannot happen: generated and tested
	}
	return t
})

//go:embed r4.search
var r4SearchText string

//go:embed r4.compartment
var r4CompartmentText string

var r4Search = sync.OnceValue(func() *SearchTables {
	t, err := parseSearch(r4SearchText, r4CompartmentText)
	if err != nil {
		panic("fhir: the embedded search tables of R4: " + err.Error()) // cannot happen: generated and tested
	}
	return t
})

// R4Search returns the search tables of FHIR R4 (4.0.1), as R4 does the others.
func R4Search() *SearchTables { return r4Search() }

// R4 returns the tables of FHIR R4 (4.0.1). They are parsed once and shared.
func R4() *Tables { return r4() }
