package params

import (
	_ "embed"
	"sync"
)

//go:embed r4.search
var r4SearchText string

//go:embed r4.compartment
var r4CompartmentText string

var r4 = sync.OnceValue(func() *Tables {
	t, err := parse(r4SearchText, r4CompartmentText)
	if err != nil {
		panic("params: the embedded tables of R4: " + err.Error()) // cannot happen: generated and tested
	}
	return t
})

// R4 returns the search parameters and the compartment of FHIR R4 (4.0.1). They are
// parsed once and shared.
func R4() *Tables { return r4() }
