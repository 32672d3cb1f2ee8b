package chaos

import (
	"context"
	"fmt"
	"net/http"
	"time"
)

// cancelMoments are the stages at which an export is cancelled.
var cancelMoments = []struct {
	name    string
	reached func(stage) bool
}{
	{"cancel at once", func(stage) bool { return true }},
	{"cancel when begun", func(s stage) bool { return s.generation > 0 }},
	{"cancel when planned", func(s stage) bool { return s.total > 0 }},
	{"cancel in the middle", func(s stage) bool { return s.total > 0 && 2*s.done >= s.total }},
	{"cancel at the last part", func(s stage) bool { return s.total > 0 && s.done >= s.total-1 }},
	{"cancel when complete", stage.over},
}

// cancelAt cancels an export at a stage and waits until nothing of it is left.
func (f *field) cancelAt(ctx context.Context, reached func(stage) bool) (o outcome, err error) {
	e, err := f.kickOff(ctx, "")
	if err != nil {
		return o, err
	}
	defer e.rest()
	if _, err := e.untilStage(ctx, endPatience, "the moment to cancel", reached); err != nil {
		return o, err
	}
	begun := time.Now()
	answer, err := f.ask(ctx, http.MethodDelete, f.statusURL(e.id))
	if err != nil {
		return o, fmt.Errorf("cancel: %w", err)
	}
	if err := answer.Body.Close(); err != nil || answer.StatusCode != http.StatusAccepted {
		return o, fmt.Errorf("cancel: %s: %w", answer.Status, err)
	}
	e.rest()
	if err := f.untilClean(ctx); err != nil {
		return o, err
	}
	o.took = time.Since(begun)
	return o, f.checkCancelled(ctx, e)
}

// checkCancelled sees that the client finds no export, and the bucket has none.
func (f *field) checkCancelled(ctx context.Context, e *export) error {
	answer, err := f.ask(ctx, http.MethodGet, f.statusURL(e.id))
	if err != nil {
		return fmt.Errorf("ask for the cancelled export: %w", err)
	}
	if err := answer.Body.Close(); err != nil || answer.StatusCode != http.StatusNotFound {
		return fmt.Errorf("the status of the cancelled export: %s: %w", answer.Status, err)
	}
	objects, err := f.objectKeys(ctx, e.id)
	if err == nil && len(objects) > 0 {
		err = fmt.Errorf("left behind: %d objects", len(objects))
	}
	return err
}
