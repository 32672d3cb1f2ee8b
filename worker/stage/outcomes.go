package stage

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/klauspost/compress/gzip"

	"github.com/seed-90096f4d/sluice/fhir"
	"github.com/seed-90096f4d/sluice/jobs"
	"github.com/seed-90096f4d/sluice/ndjson"
	"github.com/seed-90096f4d/sluice/worker/plan"
)

// MaxOutcomes bounds the outcomes of a part. A defect of the data comes in thousands,
// and a thousand are enough to find it.
const MaxOutcomes = 1000

// Outcomes collects OperationOutcomes. The zero value is empty.
type Outcomes struct {
	lines    bytes.Buffer
	issues   int64 // calls of Add
	count    int64
	unlisted int64 // beyond MaxOutcomes

	offloaded map[string]int // values stored outside of the database, by resource type
}

// Add adds an issue of the conversion, up to MaxOutcomes.
func (o *Outcomes) Add(issue ndjson.Issue) {
	o.issues++
	if issue.Offloaded > 0 {
		if o.offloaded == nil {
			o.offloaded = map[string]int{}
		}
		o.offloaded[issue.ResourceType] += issue.Offloaded
		return
	}
	if o.count >= MaxOutcomes {
		o.unlisted++
		return
	}
	result := "it remains as it is stored"
	if issue.Omitted {
		result = "it is not exported"
	}
	o.Write(fhir.OutcomeIssue{
		Code:        "structure",
		Diagnostics: fmt.Sprintf("%s/%s: %s: %s; %s", issue.ResourceType, issue.ID, issue.Path, issue.Reason, result),
		Expression:  []string{issue.Path},
	})
}

// Warn adds a warning of the kick-off or the plan.
func (o *Outcomes) Warn(warning jobs.Warning) {
	issue := fhir.OutcomeIssue{Code: warning.Code, Diagnostics: warning.Text}
	if warning.Parameter != "" {
		issue.Expression = []string{warning.Parameter}
	}
	o.Write(issue)
}

// Write adds an issue as an outcome of severity warning.
func (o *Outcomes) Write(issue fhir.OutcomeIssue) {
	issue.Severity = "warning"
	encoder := json.NewEncoder(&o.lines)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(fhir.NewOutcome(issue)); err != nil {
		panic(err) // cannot happen: it has only strings
	}
	o.count++
}

// stageOutcomes adds the file of the outcomes, if there are any. It is one file,
// whatever the maximum size of the others.
func (t *Task) stageOutcomes(ctx context.Context) error {
	t.Outcomes.summarize()
	if t.Outcomes.count == 0 {
		return nil
	}
	file, content, err := t.Outcomes.File(outcomesKey(t.Part.ObjectKey))
	if err != nil {
		return err
	}
	object, err := t.create(ctx, file.ObjectKey)
	if err != nil {
		return err
	}
	if _, err := object.Write(content); err != nil {
		return err
	}
	t.files.Files = append(t.files.Files, file)
	return object.Close()
}

// File returns the file of the outcomes and its content.
func (o *Outcomes) File(key string) (jobs.File, []byte, error) {
	var content bytes.Buffer
	writer := gzip.NewWriter(&content)
	_, err := writer.Write(o.lines.Bytes())
	if err = errors.Join(err, writer.Close()); err != nil {
		return jobs.File{}, nil, fmt.Errorf("compress outcomes: %w", err)
	}
	var maxLine int
	for line := range bytes.Lines(o.lines.Bytes()) {
		maxLine = max(maxLine, len(line)-len("\n"))
	}
	sum := sha256.Sum256(content.Bytes())
	return jobs.File{
		Kind:         jobs.Outcome,
		ResourceType: "OperationOutcome",
		ObjectKey:    key,
		Resources:    o.count,
		PlainBytes:   int64(o.lines.Len()),
		MaxLineBytes: int64(maxLine),
		Bytes:        int64(content.Len()),
		SHA256:       sum[:],
	}, content.Bytes(), nil
}

// summarize adds an outcome for each group of issues that are not listed one by one.
func (o *Outcomes) summarize() {
	for _, resourceType := range slices.Sorted(maps.Keys(o.offloaded)) {
		o.Write(fhir.OutcomeIssue{
			Code:        "incomplete",
			Diagnostics: fmt.Sprintf("%s: values stored outside of the database: %d; they are exported as pointers", resourceType, o.offloaded[resourceType]),
		})
	}
	if o.unlisted > 0 {
		o.Write(fhir.OutcomeIssue{Code: "structure", Diagnostics: fmt.Sprintf("%d more issues in this part are not listed", o.unlisted)})
	}
}

// outcomesKey returns the key of a part's outcomes: error/Patient.errors.0003.ndjson.gz
// for a part whose first file is Patient.0003.ndjson.gz or Patient.0003.parquet. Base names are unique
// within an export, so that a client can save its files to one directory.
func outcomesKey(objectKey string) string {
	folder, file := path.Split(objectKey)
	name, rest, _ := strings.Cut(file, ".")
	number, _, _ := strings.Cut(rest, ".")
	return folder + "error/" + name + ".errors." + number + plan.FileSuffix
}
