package jobs

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
	Output              []ManifestOutput `json:"output"`
	// Deleted is left out if nil.
	Deleted []ManifestOutput `json:"deleted,omitzero"`
	Error   []ManifestOutput `json:"error"`
}

// ManifestOutput is one file of a manifest.
type ManifestOutput struct {
	Type string `json:"type"`
	// URL is where to get the file; in the bucket's copy, the object's key.
	URL   string `json:"url"`
	Count int64  `json:"count"`
}

// Manifest builds the manifest of an export with these files; url says what
// stands for an object. The error is url's.
func (e Export) Manifest(files Files, url func(File) (string, error)) (Manifest, error) {
	manifest := Manifest{
		TransactionTime: e.TransactionTime.UTC().Format(TimeLayout),
		Request:         e.Request.URL,
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
		outputs[i] = ManifestOutput{Type: file.ResourceType, URL: location, Count: file.Resources}
	}
	return outputs, nil
}
