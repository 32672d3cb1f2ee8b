package fetch

import (
	"context"
	"encoding/json"
	"fmt"
	"io/fs"

	"github.com/seed-90096f4d/sluice/fetch/output"
	"github.com/seed-90096f4d/sluice/fetch/remote"
)

// document is manifestName: the manifest of the server with the names, sizes and hashes of
// the stored files. It is written last, and so marks an export as complete.
type document struct {
	TransactionTime string            `json:"transactionTime"`
	Request         string            `json:"request,omitempty"`
	AccessToken     bool              `json:"requiresAccessToken"`
	OrganizedBy     string            `json:"outputOrganizedBy,omitempty"`
	Output          []documentFile    `json:"output"`
	Deleted         []documentFile    `json:"deleted"`
	Error           []documentFile    `json:"error"`
	Extension       documentExtension `json:"extension"`
}

// documentExtension is what manifests of servers do not have.
type documentExtension struct {
	ExportID string `json:"exportId"`
	BaseURL  string `json:"baseUrl,omitempty"`
}

// documentFile is a stored file.
type documentFile struct {
	Type string `json:"type"`
	// URL is the name, relative to the document.
	URL string `json:"url"`
	// Count is the number of resources without headers of blocks; nil if it is unknown. FileSize is the size of the
	// stored file.
	Count     *int64        `json:"count,omitempty"`
	FileSize  int64         `json:"fileSize"`
	Extension fileExtension `json:"extension"`
}

// fileExtension is what manifests of servers do not have.
type fileExtension struct {
	SHA256 string `json:"sha256,omitempty"`
	// Headers is the number of lines that Count leaves out.
	Headers int64 `json:"headers,omitempty"`
	// Source is the link without its query.
	Source string `json:"source"`
}

// writeManifest stores the manifest.
func (r *run) writeManifest(ctx context.Context, s *state) error {
	main := s.export(roleMain)
	d := document{
		TransactionTime: main.TransactionTime, Request: main.ServerRequest, OrganizedBy: main.OrganizedBy,
		Output: []documentFile{}, Deleted: []documentFile{}, Error: []documentFile{},
		Extension: documentExtension{ExportID: s.ExportID, BaseURL: s.BaseURL},
	}
	for _, x := range s.Exports {
		for _, f := range x.Files {
			if f.Name == "" {
				continue
			}
			section := map[remote.Section]*[]documentFile{remote.Output: &d.Output, remote.Deleted: &d.Deleted, remote.Errors: &d.Error}[f.Section]
			*section = append(*section, documentFile{
				Type: f.Type, URL: f.Stored.Name, Count: f.count(), FileSize: f.Stored.Bytes,
				Extension: fileExtension{SHA256: f.Stored.SHA256, Headers: f.Stored.Headers, Source: f.Link},
			})
		}
	}
	text, err := json.MarshalIndent(d, "", " ")
	if err == nil {
		err = r.Output.WriteDocument(ctx, s.Folder+manifestName, append(text, '\n'))
	}
	if err != nil {
		return fail(Local, "store %s: %w", manifestName, err)
	}
	return nil
}

// readManifest returns the manifest of a folder of an output.
func readManifest(ctx context.Context, out output.Output, folder string) (document, error) {
	var d document
	text, err := out.ReadDocument(ctx, folder+manifestName)
	if err != nil {
		return d, fmt.Errorf("read %s: %w", folder+manifestName, err)
	}
	if err := json.Unmarshal(text, &d); err != nil {
		return d, fmt.Errorf("%s is damaged: %w", folder+manifestName, err)
	}
	for _, f := range d.files() {
		if !fs.ValidPath(f.URL) {
			return d, fmt.Errorf("%s has a file that is not in its folder", folder+manifestName)
		}
	}
	return d, nil
}

// files returns all files.
func (d *document) files() []documentFile {
	return append(append(append([]documentFile{}, d.Output...), d.Deleted...), d.Error...)
}
