package delivery

import (
	"errors"
	"time"

	"github.com/google/uuid"

	"github.com/seed-90096f4d/sluice/api/endpoint"
	"github.com/seed-90096f4d/sluice/api/problem"
	"github.com/seed-90096f4d/sluice/audit"
	"github.com/seed-90096f4d/sluice/auth"
	"github.com/seed-90096f4d/sluice/jobs"
)

// TakeKickOff counts a kick-off of the client, or refuses it if there were too
// many.
func (e *Exports) TakeKickOff(client auth.Client) error {
	if wait := e.kickOffRate.TakePerMinute(client.ID, client.Rates.KickOffs.OrDefault(e.config.KickOffsPerMinute)); wait > 0 {
		return problem.Throttled(problem.KickOffs, "too many kick-offs by this client", wait)
	}
	return nil
}

// RefundKickOff undoes TakeKickOff for a kick-off that is refused.
func (e *Exports) RefundKickOff(client auth.Client) { e.kickOffRate.Refund(client.ID) }

// Accept records an export and returns its id.
func (e *Exports) Accept(call *endpoint.Call, request jobs.Request) (uuid.UUID, error) {
	request.URL = call.BaseURL + call.Request.URL.RequestURI() // of a POST without its parameters
	id, err := e.config.Store.Accept(call.Ctx(), call.Client.ID, request)
	var limit *jobs.LimitError
	if errors.As(err, &limit) {
		return id, limitReached(limit)
	}
	if err != nil {
		return id, problem.Unavailable(err)
	}
	call.Event.Action, call.Event.Export, call.Event.Types = audit.KickOff, id.String(), request.Types
	return id, nil
}

// Delays after which a client may retry a kick-off that a limit has refused: the
// number of running exports, and what the client keeps in the object store.
const (
	retryRunning = 30 * time.Second
	retryStored  = 5 * time.Minute
)

// limitReached refuses a kick-off that exceeds a limit, and names the remedy.
func limitReached(limit *jobs.LimitError) error {
	if limit.Stored {
		return problem.Throttled(problem.StoredFull, limit.Error()+"; delete exports that are no longer needed (DELETE on their status URL), or wait until they expire", retryStored)
	}
	return problem.Throttled(problem.ExportsFull, limit.Error()+"; retry when one has finished", retryRunning)
}
