package fetchtest

import (
	"net/http"
	"slices"
)

// Step is what a request is for.
type Step string

// Target is requests that a fault can apply to.
type Target struct {
	step Step
	file string // only requests for this file, counted among themselves
}

// The targets. Any is all requests, counted together. Download is where the bytes of a file come from, Redirect the request that
// a server answers with a redirect to them.
var (
	Any       = Target{step: "any"}
	Discovery = Target{step: "discovery"}
	Metadata  = Target{step: "metadata"}
	Token     = Target{step: "token"}
	KickOff   = Target{step: "kick-off"}
	Status    = Target{step: "status"}
	Page      = Target{step: "page"} // pages of the manifest but the first
	Redirect  = Target{step: "redirect"}
	Download  = Target{step: "download"}
	Delete    = Target{step: "delete"}
)

// Step returns what the requests of the target are for.
func (t Target) Step() Step { return t.step }

// File restricts the target to a file by its name: "Patient.1.ndjson" or
// "deleted/Bundle.1.ndjson".
func (t Target) File(name string) Target {
	t.file = name
	return t
}

// Effect is what goes wrong: a wrapper of the handler of the request.
type Effect func(s *Server, next http.Handler) http.Handler

// Fault is effects on some requests.
type Fault struct {
	target  Target
	applies func(n int) bool
	effects []Effect
}

// Always applies effects to all requests of the target.
func (t Target) Always(effects ...Effect) Fault {
	return Fault{t, func(int) bool { return true }, effects}
}

// Nth applies effects to the nth request, from 1.
func (t Target) Nth(n int, effects ...Effect) Fault {
	return Fault{t, func(i int) bool { return i == n }, effects}
}

// First applies effects to the first n requests.
func (t Target) First(n int, effects ...Effect) Fault {
	return Fault{t, func(i int) bool { return i <= n }, effects}
}

// From applies effects to the nth request and all that follow.
func (t Target) From(n int, effects ...Effect) Fault {
	return Fault{t, func(i int) bool { return i >= n }, effects}
}

// Every applies effects to each nth request.
func (t Target) Every(n int, effects ...Effect) Fault {
	return Fault{t, func(i int) bool { return i%n == 0 }, effects}
}

// withFaults returns handler in the effects of the faults that apply to a request.
func (s *Server) withFaults(record Request, handler http.Handler) http.Handler {
	for _, fault := range slices.Backward(s.options.Faults) {
		if !fault.target.matches(record) || !fault.applies(fault.target.number(record)) {
			continue
		}
		for _, effect := range slices.Backward(fault.effects) {
			handler = effect(s, handler)
		}
	}
	return handler
}

// matches reports whether a request is one of the target.
func (t Target) matches(r Request) bool {
	return (t.step == r.Step || t.step == Any.step) && (t.file == "" || t.file == r.File)
}

// number returns the position of a request among those that the target counts together.
func (t Target) number(r Request) int {
	switch {
	case t.file != "":
		return r.NOfFile
	case t.step == Any.step:
		return r.Number
	}
	return r.N
}

// count returns the next number of a counter.
func (s *Server) count(counter string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.counts[counter]++
	return s.counts[counter]
}
