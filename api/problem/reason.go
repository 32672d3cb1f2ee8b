package problem

import "net/http"

// Reason is why a request was refused, for metrics.
type Reason string

// The reasons: limits of a client, limits of the server, and faults of the request.
const (
	ClientDumps    Reason = "client_dumps"    // per minute
	ClientRequests Reason = "client_requests" // per minute
	FailedLogins   Reason = "failed_logins"   // per minute, by address or client
	KickOffs       Reason = "kick_offs"       // per minute and client
	Polls          Reason = "polls"           // of one export
	StoredFull     Reason = "stored_full"     // the client has too much in the object store

	Bodies      Reason = "bodies"       // concurrent large bodies
	DumpsFull   Reason = "dumps_full"   // concurrent dumps and runs of views
	ExportsFull Reason = "exports_full" // accepted and running exports
	GroupReads  Reason = "group_reads"  // concurrent reads of Groups
	HashQueue   Reason = "hash_queue"   // concurrent logins

	InvalidRequest Reason = "invalid"
	Scope          Reason = "scope" // the client lacks the permission
)

// Reasons are all reasons.
var Reasons = []Reason{
	ClientDumps, ClientRequests, FailedLogins, KickOffs, Polls, StoredFull,
	Bodies, DumpsFull, ExportsFull, GroupReads, HashQueue,
	InvalidRequest, Scope,
}

// Refusal returns why the problem refuses its request. It is empty if the server failed,
// if the request was not authenticated, and if what it asks for does not exist.
func (p *Problem) Refusal() Reason {
	switch p.Status {
	case http.StatusForbidden:
		return Scope
	case http.StatusBadRequest, http.StatusMethodNotAllowed, http.StatusNotAcceptable, http.StatusRequestEntityTooLarge,
		http.StatusUnsupportedMediaType, http.StatusUnprocessableEntity, http.StatusUpgradeRequired:
		return InvalidRequest
	}
	return p.Reason
}
