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

// R4 returns the tables of FHIR R4 (4.0.1). They are parsed once and shared.
func R4() *Tables { return r4() }
