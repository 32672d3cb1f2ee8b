package jobs

import "encoding/hex"

// TimeLayout is how an instant is written: UTC, microseconds, as PostgreSQL
// keeps it.
const TimeLayout = "2006-01-02T15:04:05.000000Z"

// ManifestName is the object that marks an export complete in the bucket.
const ManifestName = "manifest.json"

// Manifest is the answer of a completed export (Bulk Data 3.0.0, "Response -
// Output Manifest").
type Manifest struct {
	TransactionTime     string           `json:"transactionTime"`
	Request             string           `json:"request"`
	RequiresAccessToken bool             `json:"requiresAccessToken"`
	OutputFormat        string           `json:"outputFormat"` // of 4.0.0
	Output              []ManifestOutput `json:"output"`
	// Deleted is left out if nil.
	Deleted []ManifestOutput `json:"deleted,omitzero"`
	Error   []ManifestOutput `json:"error"`
	// Link leads to more files.
	Link []ManifestLink `json:"link,omitempty"`
}

// ManifestLink is a link from one manifest to another.
type ManifestLink struct {
	Relation string `json:"relation"` // next
	URL      string `json:"url"`
}

// ManifestOutput is one file of a manifest.
type ManifestOutput struct {
	Type string `json:"type"`
	// URL is where to get the file; in the bucket's copy, the object's key.
	URL   string `json:"url"`
	Count int64  `json:"count"`
	// FileSize is in bytes, as stored: compressed. Left out if not known. (Of
	// 4.0.0; harmless before.)
	FileSize int64 `json:"fileSize,omitempty"`
	// Extension is left out where nothing is to be said.
	Extension *FileExtension `json:"extension,omitempty"`
}

// FileExtension is what the manifest tells of a file beyond the specification.
type FileExtension struct {
	// SHA256 is the hash of the file as stored, in hexadecimal.
	SHA256 string `json:"sha256"`
}

// Manifest builds the manifest of an export with these files; url says what
// stands for an object. The error is url's.
func (e Export) Manifest(files Files, url func(File) (string, error)) (Manifest, error) {
	manifest := Manifest{
		TransactionTime: e.TransactionTime.UTC().Format(TimeLayout),
		Request:         e.Request.URL,
		OutputFormat:    e.Request.OutputFormat(),
	}
	var err error
	if manifest.Output, err = manifestOutputs(files.Output, url); err != nil {
		return Manifest{}, err
	}
	if files.Deleted != nil {
		if manifest.Deleted, err = manifestOutputs(files.Deleted, url); err != nil {
			return Manifest{}, err
		}
	}
	manifest.Error, err = manifestOutputs(files.Outcomes, url)
	return manifest, err
}

func manifestOutputs(files []File, url func(File) (string, error)) ([]ManifestOutput, error) {
	outputs := make([]ManifestOutput, len(files))
	for i, file := range files {
		location, err := url(file)
		if err != nil {
			return nil, err
		}
		outputs[i] = ManifestOutput{Type: file.ResourceType, URL: location, Count: file.Resources, FileSize: file.Bytes}
		if len(file.SHA256) > 0 {
			outputs[i].Extension = &FileExtension{SHA256: hex.EncodeToString(file.SHA256)}
		}
	}
	return outputs, nil
}
