package fetch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/seed-90096f4d/sluice/fetch/content"
	"github.com/seed-90096f4d/sluice/fetch/output"
)

// Verify compares the files of a complete output with its manifest. Of an output with
// chains, it verifies the last run of each.
func Verify(ctx context.Context, out output.Output, reporter Reporter) (Result, error) {
	v := &verification{output: out, reporter: reporter}
	return v.result, classify(ctx, v.run(ctx))
}

// verification verifies files against manifests.
type verification struct {
	output   output.Output
	reporter Reporter

	mu     sync.Mutex
	result Result
	bad    failedFiles
}

// run verifies the output.
func (v *verification) run(ctx context.Context) error {
	folders, err := v.folders(ctx)
	if err != nil {
		return err
	}
	for _, folder := range folders {
		d, err := readManifest(ctx, v.output, folder)
		if err != nil {
			return fail(Local, "%w", err)
		}
		v.result.Folder, v.result.TransactionTime = folder, d.TransactionTime
		if err := v.manifest(ctx, folder, d); err != nil {
			return err
		}
	}
	if v.bad.number > 0 {
		return fail(Unverified, "%s not what the manifest says: %s", portion(v.bad.number, int(v.result.Files)), v.bad.names())
	}
	return nil
}

// folders returns the folders with a manifest.
func (v *verification) folders(ctx context.Context) (folders []string, err error) {
	chains, err := readChains(ctx, v.output)
	if err != nil {
		return nil, err
	}
	for _, link := range chains.Chains {
		folders = append(folders, link.folders()...)
	}
	if len(folders) > 0 {
		return folders, nil
	}
	_, err = v.output.ReadDocument(ctx, manifestName)
	switch {
	case errors.Is(err, output.ErrNotExist):
		return nil, fail(Local, "%s has no complete export: there is no %s", v.output, manifestName)
	case err != nil:
		return nil, fail(Local, "read %s: %w", manifestName, err)
	}
	return []string{""}, nil
}

// manifest verifies the files of a manifest.
func (v *verification) manifest(ctx context.Context, folder string, d document) error {
	files := d.files()
	v.mu.Lock()
	v.result.Files += int64(len(files))
	v.mu.Unlock()
	var bytes int64
	for _, f := range files {
		bytes += f.FileSize
	}
	v.reporter.Total(int64(len(files)), bytes)
	work, ctx := errgroup.WithContext(ctx)
	work.SetLimit(runtime.GOMAXPROCS(0))
	for i, f := range files {
		resources := i < len(d.Output) // else deletions and issues
		work.Go(func() error { return v.file(ctx, folder, f, resources) })
	}
	return work.Wait()
}

// file verifies one file. Only an interruption is an error.
func (v *verification) file(ctx context.Context, folder string, f documentFile, resources bool) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	progress := v.reporter.Begin(FileInfo{Name: folder + f.URL, Bytes: f.FileSize})
	facts, err := v.inspect(ctx, folder+f.URL, progress)
	if err == nil {
		err = f.compare(facts)
	}
	progress.End(facts.Lines, err)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if err != nil {
		v.bad.add(folder+f.URL, err)
		v.reporter.Report(Event{Name: EventWarning, Text: fmt.Sprintf("%s: %s", folder+f.URL, err)})
		return nil
	}
	if resources && f.Count != nil {
		v.result.Resources += *f.Count
	}
	v.result.Bytes += f.FileSize
	return nil
}

// inspect reads a file.
func (v *verification) inspect(ctx context.Context, name string, progress FileReporter) (content.Facts, error) {
	stored, err := v.output.Open(ctx, name)
	if errors.Is(err, output.ErrNotExist) {
		return content.Facts{}, errors.New("the file is missing")
	}
	if err != nil {
		return content.Facts{}, err
	}
	facts, err := content.Inspect(&watchedReader{Reader: stored, ctx: ctx, progress: progress})
	return facts, errors.Join(err, stored.Close())
}

// compare returns an error if the facts of a file are not what the manifest says.
func (f documentFile) compare(facts content.Facts) error {
	switch {
	case facts.Bytes != f.FileSize:
		return fmt.Errorf("it has %s, and the manifest says %d", counted(facts.Bytes, "byte"), f.FileSize)
	case f.Extension.SHA256 != "" && facts.SHA256 != f.Extension.SHA256:
		return fmt.Errorf("its sha256 is %s, and the manifest says %s", facts.SHA256, f.Extension.SHA256)
	case f.Count != nil && facts.Lines != *f.Count+f.Extension.Headers:
		return fmt.Errorf("it has %s, and the manifest says %d", counted(facts.Lines, "line"), *f.Count+f.Extension.Headers)
	}
	return nil
}

// watchedReader reports what is read, until a context ends.
type watchedReader struct {
	io.Reader
	ctx      context.Context
	progress FileReporter
}

func (r *watchedReader) Read(p []byte) (int, error) {
	if r.ctx.Err() != nil {
		return 0, context.Cause(r.ctx)
	}
	n, err := r.Reader.Read(p)
	r.progress.Add(n)
	return n, err
}
