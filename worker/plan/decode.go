package plan

import (
	"bytes"
	"encoding/json"
	"fmt"

	"github.com/seed-90096f4d/sluice/jobs"
)

// Decode decodes the persisted plan of a part. The error is jobs.ErrNewer if it has
// fields that this version does not know.
func Decode(document json.RawMessage, planned any) error {
	strict := json.NewDecoder(bytes.NewReader(document))
	strict.DisallowUnknownFields()
	unknown := strict.Decode(planned)
	if unknown == nil {
		return nil
	}
	if err := json.Unmarshal(document, planned); err != nil {
		return fmt.Errorf("decode the plan of a part: %w", err)
	}
	return fmt.Errorf("%w: plan: %w", jobs.ErrNewer, unknown)
}
