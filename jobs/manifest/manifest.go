// Package manifest writes the manifest of an export: the JSON document that lists
// its files (Bulk Data 3.0.0, "Response - Output Manifest"; SQL on FHIR, $sql-export).
//
// It knows what a file is and how the document looks. It must not know how files are
// stored or who may read them.
package manifest

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"io"
	"slices"

	"github.com/seed-90096f4d/sluice/jobs"
)

// Name is the name of the object that marks an export as complete in the bucket.
const Name = "manifest.json"

// timeLayout formats an instant in UTC with the precision of PostgreSQL.
const timeLayout = "2006-01-02T15:04:05.000000Z"

// head has the members of the manifest that precede the lists of files.
type head struct {
	TransactionTime     string `json:"transactionTime"`
	Request             string `json:"request"`
	RequiresAccessToken bool   `json:"requiresAccessToken"`
	OutputFormat        string `json:"outputFormat"` // of 4.0.0
	OutputOrganizedBy   string `json:"outputOrganizedBy,omitempty"`
}

// Entry is one file of a manifest.
type Entry struct {
	// Type is empty if the output is organized by patient.
	Type string `json:"type,omitempty"`

	// URL is the file's URL; in the bucket's copy of the manifest, its object key.
	URL string `json:"url"`

	// ContinuesInFile is the URL of the file that continues the last patient block.
	ContinuesInFile string `json:"continuesInFile,omitempty"`

	Count int64 `json:"count"`

	// FileSize is the compressed size in bytes. (Of 4.0.0; harmless before.)
	FileSize int64 `json:"fileSize"`

	Extension Extension `json:"extension"`
}

// Extension has the members of an entry that the specification does not define.
type Extension struct {
	// SHA256 is the hash of the compressed file in hexadecimal.
	SHA256 string `json:"sha256"`

	// MaxLineBytes is the length of the longest line in bytes without its line feed,
	// the minimum for DuckDB's maximum_object_size.
	MaxLineBytes int64 `json:"maxLineBytes"`
}

// Options are the differences between a client's manifest and the bucket's copy.
type Options struct {
	// RequiresAccessToken reports whether the URLs require the client's credentials.
	RequiresAccessToken bool

	// URL returns the URL of a file.
	URL func(jobs.File) (string, error)

	// Next is the URL of the next page of the manifest, empty on the last page.
	Next string

	// StatusURL is the URL that the client polls. Only WriteTables uses it; the bucket's
	// copy has none.
	StatusURL string
}

// link is a link from one page to another.
type link struct {
	Relation string `json:"relation"`
	URL      string `json:"url"`
}

// Write writes the manifest of an export with these files. It writes each entry as
// soon as its URL is made: the entries of 100,000 files take 60 MB. It
// returns the errors of w and of opts.URL.
func Write(w io.Writer, export jobs.Export, files jobs.Files, opts Options) error {
	first, err := encode(head{
		TransactionTime:     export.TransactionTime.UTC().Format(timeLayout),
		Request:             export.Request.URL,
		RequiresAccessToken: opts.RequiresAccessToken,
		OutputFormat:        export.Request.OutputFormat(),
		OutputOrganizedBy:   export.Request.OrganizeBy,
	})
	if err != nil {
		return err
	}
	if _, err := w.Write(bytes.TrimSuffix(first, []byte("}"))); err != nil {
		return err
	}
	if err := writeList(w, "output", files.Output, opts.URL); err != nil {
		return err
	}
	if files.Deleted != nil {
		if err := writeList(w, "deleted", files.Deleted, opts.URL); err != nil {
			return err
		}
	}
	if err := writeList(w, "error", files.Outcomes, opts.URL); err != nil {
		return err
	}
	end := []byte("}\n")
	if opts.Next != "" {
		next, err := encode([]link{{Relation: "next", URL: opts.Next}})
		if err != nil {
			return err
		}
		end = slices.Concat([]byte(",\n\"link\": "), next, end)
	}
	_, err = w.Write(end)
	return err
}

// writeList writes one of the manifest's lists of files.
func writeList(w io.Writer, name string, files []jobs.File, urlOf func(jobs.File) (string, error)) error {
	if _, err := io.WriteString(w, ",\n\""+name+"\": ["); err != nil {
		return err
	}
	separator, url := "\n", ""
	for i, file := range files {
		var err error
		if url == "" {
			if url, err = urlOf(file); err != nil {
				return err
			}
		}
		next := ""
		if file.Continues && i+1 < len(files) {
			if next, err = urlOf(files[i+1]); err != nil {
				return err
			}
		}
		line, err := encode(newEntry(file, url, next))
		if err != nil {
			return err
		}
		url = next // made only once
		if _, err := w.Write(append([]byte(separator), line...)); err != nil {
			return err
		}
		separator = ",\n"
	}
	_, err := io.WriteString(w, "]")
	return err
}

func newEntry(file jobs.File, url, next string) Entry {
	return Entry{
		Type: file.ResourceType, URL: url, ContinuesInFile: next, Count: file.Resources, FileSize: file.Bytes,
		Extension: Extension{SHA256: hex.EncodeToString(file.SHA256), MaxLineBytes: file.MaxLineBytes},
	}
}

// encode returns a value as JSON without HTML escapes, so that links can be copied.
func encode(value any) ([]byte, error) {
	var line bytes.Buffer
	encoder := json.NewEncoder(&line)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(line.Bytes(), []byte("\n")), nil
}
