package dump

import (
	"bytes"
	"context"

	"github.com/seed-90096f4d/sluice/fetch/output"
	"github.com/seed-90096f4d/sluice/jobs"
	"github.com/seed-90096f4d/sluice/jobs/manifest"
)

// writeManifest writes the manifest, which has the form of an export's: sluice fetch
// verify checks the files of both.
func (d *dump) writeManifest(ctx context.Context, out output.Output) error {
	export := jobs.Export{TransactionTime: &d.snapshot.TransactionTime, Request: jobs.Request{URL: d.Request}}
	var files jobs.Files
	for _, t := range d.tables {
		for _, p := range t.parts {
			if p.sha256 == nil {
				continue // no rows
			}
			files.Output = append(files.Output, jobs.File{
				ResourceType: t.scan.Table.Type,
				ObjectKey:    p.name,
				Resources:    p.resources,
				MaxLineBytes: p.longest,
				Bytes:        p.bytes,
				SHA256:       p.sha256,
			})
		}
	}
	var document bytes.Buffer
	err := manifest.Write(&document, export, files, manifest.Options{URL: func(file jobs.File) (string, error) { return file.ObjectKey, nil }})
	if err != nil {
		return err
	}
	return out.WriteDocument(ctx, manifest.Name, document.Bytes())
}
