package jobs

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"io"
)

// TimeLayout is how an instant is written: UTC, microseconds, as PostgreSQL
// keeps it.
const TimeLayout = "2006-01-02T15:04:05.000000Z"

// ManifestName is the object that marks an export complete in the bucket.
const ManifestName = "manifest.json"

// manifestHead is what a manifest says before it lists files.
type manifestHead struct {
	TransactionTime     string `json:"transactionTime"`
	Request             string `json:"request"`
	RequiresAccessToken bool   `json:"requiresAccessToken"`
	OutputFormat        string `json:"outputFormat"` // of 4.0.0
	OutputOrganizedBy   string `json:"outputOrganizedBy,omitempty"`
}

// ManifestOutput is one file of a manifest.
type ManifestOutput struct {
	// Type is left out where the output is organized by patient.
	Type string `json:"type,omitempty"`
	// URL is where to get the file; in the bucket's copy, the object's key.
	URL string `json:"url"`
	// ContinuesInFile is the URL of the file in which the last block goes on.
	ContinuesInFile string `json:"continuesInFile,omitempty"`
	Count           int64  `json:"count"`
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

	// MaxLineBytes is the length of the longest line in bytes, without its line
	// feed: what DuckDB's maximum_object_size must be at least.
	MaxLineBytes int64 `json:"maxLineBytes"`
}

// ManifestOptions say what differs between a client's manifest and the bucket's.
type ManifestOptions struct {
	// RequiresAccessToken says that the URLs want the client's credentials.
	RequiresAccessToken bool

	// URL says what stands for a file.
	URL func(File) (string, error)

	// Next, if set, is where the manifest goes on.
	Next string
}

// manifestLink is a link from one manifest to another.
type manifestLink struct {
	Relation string `json:"relation"`
	URL      string `json:"url"`
}

// WriteManifest writes the manifest of an export with these files (Bulk Data
// 3.0.0, "Response - Output Manifest"), a line for each, as their URLs are made:
// of 100,000 files they take 60 MB. The error is w's, or that of URL.
func (e Export) WriteManifest(w io.Writer, files Files, opts ManifestOptions) error {
	head, err := encodeLine(manifestHead{
		TransactionTime:     e.TransactionTime.UTC().Format(TimeLayout),
		Request:             e.Request.URL,
		RequiresAccessToken: opts.RequiresAccessToken,
		OutputFormat:        e.Request.OutputFormat(),
		OutputOrganizedBy:   e.Request.OrganizeBy,
	})
	if err != nil {
		return err
	}
	if _, err := w.Write(bytes.TrimSuffix(head, []byte("}"))); err != nil {
		return err
	}
	if err := writeFiles(w, "output", files.Output, opts.URL); err != nil {
		return err
	}
	if files.Deleted != nil {
		if err := writeFiles(w, "deleted", files.Deleted, opts.URL); err != nil {
			return err
		}
	}
	if err := writeFiles(w, "error", files.Outcomes, opts.URL); err != nil {
		return err
	}
	return endManifest(w, opts.Next)
}

// endManifest writes the link to the next manifest, if there is one.
func endManifest(w io.Writer, next string) error {
	var link []byte
	if next != "" {
		line, err := encodeLine([]manifestLink{{Relation: "next", URL: next}})
		if err != nil {
			return err
		}
		link = append([]byte(",\n\"link\": "), line...)
	}
	_, err := w.Write(append(link, "}\n"...))
	return err
}

// writeFiles writes one of the manifest's lists.
func writeFiles(w io.Writer, name string, files []File, url func(File) (string, error)) error {
	if _, err := io.WriteString(w, ",\n\""+name+"\": ["); err != nil {
		return err
	}
	separator, location := "\n", ""
	for i, file := range files {
		var err error
		if location == "" {
			if location, err = url(file); err != nil {
				return err
			}
		}
		next := ""
		if file.Continues && i+1 < len(files) {
			if next, err = url(files[i+1]); err != nil {
				return err
			}
		}
		line, err := encodeLine(manifestOutput(file, location, next))
		if err != nil {
			return err
		}
		location = next // not made twice
		if _, err := w.Write(append([]byte(separator), line...)); err != nil {
			return err
		}
		separator = ",\n"
	}
	_, err := io.WriteString(w, "]")
	return err
}

func manifestOutput(file File, location, next string) ManifestOutput {
	output := ManifestOutput{
		Type: file.ResourceType, URL: location, ContinuesInFile: next, Count: file.Resources, FileSize: file.Bytes,
	}
	if len(file.SHA256) > 0 {
		output.Extension = &FileExtension{SHA256: hex.EncodeToString(file.SHA256), MaxLineBytes: file.MaxLineBytes}
	}
	return output
}

// encodeLine writes a value as JSON. Characters such as & stay as they are: no
// HTML is made of it, and links are to be copied.
func encodeLine(value any) ([]byte, error) {
	var line bytes.Buffer
	encoder := json.NewEncoder(&line)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(line.Bytes(), []byte("\n")), nil
}
