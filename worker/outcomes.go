package worker

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"path"
	"strings"

	"github.com/klauspost/compress/gzip"

	"github.com/seed-90096f4d/sluice/dump"
	"github.com/seed-90096f4d/sluice/jobs"
	"github.com/seed-90096f4d/sluice/storage"
)

// maxOutcomes bounds what one part tells. A defect of the data comes in
// thousands, and a thousand are enough to find it.
const maxOutcomes = 1000

// outcomes gathers what could not be converted in a part.
type outcomes struct {
	lines bytes.Buffer
	count int64
	more  int64 // those that are too many to tell
}

// outcome is a FHIR OperationOutcome with one issue.
type outcome struct {
	ResourceType string         `json:"resourceType"`
	Issue        []outcomeIssue `json:"issue"`
}

type outcomeIssue struct {
	Severity    string   `json:"severity"`
	Code        string   `json:"code"`
	Diagnostics string   `json:"diagnostics"`
	Expression  []string `json:"expression,omitempty"`
}

// add takes one issue.
func (o *outcomes) add(issue dump.Issue) {
	if o.count == maxOutcomes {
		o.more++
		return
	}
	o.write(outcomeIssue{
		Code:        "structure",
		Diagnostics: fmt.Sprintf("%s/%s: %s: %s; it is exported as it is stored", issue.ResourceType, issue.ID, issue.Path, issue.Reason),
		Expression:  []string{issue.Path},
	})
}

func (o *outcomes) write(issue outcomeIssue) {
	issue.Severity = "warning"
	encoder := json.NewEncoder(&o.lines)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(outcome{ResourceType: "OperationOutcome", Issue: []outcomeIssue{issue}}); err != nil {
		panic(err) // strings alone, into memory
	}
	o.count++
}

// stage sends the outcomes to the store.
func (o *outcomes) stage(ctx context.Context, bucket *storage.Bucket, key string) (*storage.Staged, error) {
	if o.more > 0 {
		o.write(outcomeIssue{Code: "structure", Diagnostics: fmt.Sprintf("%d more issues in this part are not listed", o.more)})
	}
	packed, err := o.pack()
	if err != nil {
		return nil, err
	}
	return bucket.Stage(ctx, key, packed)
}

// pack compresses the lines.
func (o *outcomes) pack() (*bytes.Buffer, error) {
	var packed bytes.Buffer
	writer := gzip.NewWriter(&packed)
	_, err := o.lines.WriteTo(writer)
	if err == nil {
		err = writer.Close()
	}
	if err != nil {
		return nil, fmt.Errorf("pack outcomes: %w", err)
	}
	return &packed, nil
}

// writeWarnings stores what the kick-off was carried on without: an outcome for
// each (Bulk Data 3.0.0, "Response - Output Manifest", error).
func writeWarnings(ctx context.Context, bucket *storage.Bucket, export jobs.Export) error {
	if len(export.Request.Warnings) == 0 {
		return nil
	}
	var warnings outcomes
	for _, warning := range export.Request.Warnings {
		issue := outcomeIssue{Code: warning.Code, Diagnostics: warning.Text + "; the export went on without"}
		if warning.Parameter != "" {
			issue.Expression = []string{warning.Parameter}
		}
		warnings.write(issue)
	}
	packed, err := warnings.pack()
	if err != nil {
		return err
	}
	_, err = bucket.Upload(ctx, jobs.WarningsKey(export.ID), packed)
	return err
}

// outcomesKey is where the outcomes of a part go: beside its object, in a
// folder of their own, since a resource type can be named OperationOutcome too.
func outcomesKey(objectKey string) string {
	folder, file := path.Split(objectKey)
	return folder + "error/" + strings.TrimSuffix(file, ".ndjson.gz") + ".OperationOutcome.ndjson.gz"
}
