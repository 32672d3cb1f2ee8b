package worker

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/klauspost/compress/gzip"

	"github.com/seed-90096f4d/sluice/fhir"
	"github.com/seed-90096f4d/sluice/jobs"
	"github.com/seed-90096f4d/sluice/ndjson"
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

	offloaded map[string]int // values stored elsewhere, by resource type
}

// add takes one issue.
func (o *outcomes) add(issue ndjson.Issue) {
	if issue.Offloaded > 0 {
		if o.offloaded == nil {
			o.offloaded = map[string]int{}
		}
		o.offloaded[issue.ResourceType] += issue.Offloaded
		return
	}
	if o.count >= maxOutcomes {
		o.more++
		return
	}
	result := "it is exported as it is stored"
	if issue.Omitted {
		result = "it is not exported"
	}
	o.write(fhir.OutcomeIssue{
		Code:        "structure",
		Diagnostics: fmt.Sprintf("%s/%s: %s: %s; %s", issue.ResourceType, issue.ID, issue.Path, issue.Reason, result),
		Expression:  []string{issue.Path},
	})
}

func (o *outcomes) write(issue fhir.OutcomeIssue) {
	issue.Severity = "warning"
	encoder := json.NewEncoder(&o.lines)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(fhir.NewOutcome(issue)); err != nil {
		panic(err) // strings alone, into memory
	}
	o.count++
}

// stage sends the outcomes to the store, in one file however small the others
// are.
func (o *outcomes) stage(ctx context.Context, bucket *storage.Bucket, key string) (jobs.File, *storage.Staged, error) {
	if o.more > 0 {
		o.write(fhir.OutcomeIssue{Code: "structure", Diagnostics: fmt.Sprintf("%d more issues in this part are not listed", o.more)})
	}
	plain := int64(o.lines.Len())
	longest := 0
	for line := range bytes.Lines(o.lines.Bytes()) {
		longest = max(longest, len(line)-len("\n"))
	}
	packed, err := o.pack()
	if err != nil {
		return jobs.File{}, nil, err
	}
	sum := sha256.Sum256(packed.Bytes())
	file := jobs.File{
		Kind:         jobs.Outcome,
		ResourceType: "OperationOutcome",
		ObjectKey:    key,
		Resources:    o.count,
		PlainBytes:   plain,
		MaxLineBytes: int64(longest),
		Bytes:        int64(packed.Len()),
		SHA256:       sum[:],
	}
	staged, err := bucket.Stage(ctx, key, packed)
	return file, staged, err
}

// addTo adds the file of the outcomes, if there are some, to what the part has
// sent.
func (o *outcomes) addTo(ctx context.Context, bucket *storage.Bucket, part jobs.Part, sent written) (written, error) {
	for _, resourceType := range slices.Sorted(maps.Keys(o.offloaded)) {
		o.write(fhir.OutcomeIssue{
			Code:        "incomplete",
			Diagnostics: fmt.Sprintf("%s: values stored outside of the database: %d; they are exported as pointers", resourceType, o.offloaded[resourceType]),
		})
	}
	if o.count == 0 {
		return sent, nil
	}
	file, staged, err := o.stage(ctx, bucket, outcomesKey(part.ObjectKey))
	if err != nil {
		return sent, err
	}
	return written{files: append(sent.files, file), staged: append(sent.staged, staged)}, nil
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

// outcomesKey returns the key of a part's outcomes: error/Patient.errors.0003.ndjson.gz
// for a part whose first file is Patient.0003.ndjson.gz. Base names are unique
// within an export, so that a client can save its files to one directory.
func outcomesKey(objectKey string) string {
	folder, file := path.Split(objectKey)
	name, number, _ := strings.Cut(file, ".")
	return folder + "error/" + name + ".errors." + number
}
