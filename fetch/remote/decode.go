package remote

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"

	"github.com/seed-90096f4d/sluice/fetch/access"
	"github.com/seed-90096f4d/sluice/fetch/retry"
)

// errNoManifest is the error if a body is not a manifest.
var errNoManifest = errors.New("the response is not a manifest")

// maxFiles is the maximum number of files of a section.
const maxFiles = 1 << 20

// readPage reads a page of a manifest. Errors of its content are permanent.
func (s *Server) readPage(response *http.Response) (*page, error) {
	reader := &boundedReader{reader: response.Body}
	d := &decoder{json: json.NewDecoder(reader), reader: reader, server: s, from: response.Request.URL, files: map[Section][]File{}}
	d.page.Manifest = &Manifest{}
	if err := d.read(); err != nil {
		var syntax *json.SyntaxError
		if errors.As(err, &syntax) {
			return nil, retry.Permanent(errNoManifest)
		}
		return nil, err
	}
	return &d.page, nil
}

// decoder reads a page of a manifest from a stream. It keeps only what the page has of it.
type decoder struct {
	json   *json.Decoder
	reader *boundedReader
	server *Server
	from   *url.URL // of the manifest

	page      page
	files     map[Section][]File
	hasOutput bool
	token     any // requiresAccessToken
}

// read reads the whole page.
func (d *decoder) read() error {
	opening, err := d.json.Token()
	switch {
	case err == io.EOF, err == nil && opening != json.Delim('{'):
		return retry.Permanent(errNoManifest)
	case err != nil:
		return err
	}
	for d.json.More() {
		d.reader.renew()
		name, err := d.next()
		if err != nil {
			return err
		}
		if err := d.member(name); err != nil {
			return err
		}
	}
	if _, err := d.next(); err != nil {
		return err
	}
	if !d.hasOutput {
		return retry.Permanent(fmt.Errorf("%w: output is missing", errNoManifest))
	}
	d.page.Files = slices.Concat(d.files[Output], d.files[Deleted], d.files[Errors])
	d.page.RequiresAccessToken = d.requiresToken()
	return nil
}

// member reads a member of the manifest. Version 4 of Bulk Data calls errors outcome.
func (d *decoder) member(name json.Token) error {
	switch name {
	case "transactionTime":
		return d.value("transactionTime", &d.page.TransactionTime)
	case "request":
		return d.value("request", &d.page.Request)
	case "requiresAccessToken":
		return d.value("requiresAccessToken", &d.token)
	case "outputOrganizedBy":
		return d.value("outputOrganizedBy", &d.page.OrganizedBy)
	case "output":
		d.hasOutput = true
		return d.list("output", func(place string) error { return d.file(Output, place) })
	case "deleted":
		return d.list("deleted", func(place string) error { return d.file(Deleted, place) })
	case "error", "outcome":
		return d.list("error", func(place string) error { return d.file(Errors, place) })
	case "link":
		return d.list("link", d.link)
	}
	return d.skip()
}

// list reads an array, or null for an empty one.
func (d *decoder) list(name string, element func(place string) error) error {
	opening, err := d.next()
	if err != nil {
		return err
	}
	if opening == nil {
		return nil
	}
	if opening != json.Delim('[') {
		return retry.Permanent(fmt.Errorf("%w: %s must be an array", errNoManifest, name))
	}
	for i := 0; d.json.More(); i++ {
		d.reader.renew()
		if err := element(fmt.Sprintf("%s[%d]", name, i)); err != nil {
			return err
		}
	}
	_, err = d.next()
	return err
}

// link reads a link of the manifest and keeps the one to the next page.
func (d *decoder) link(place string) error {
	var link struct{ Relation, URL string }
	if err := d.value(place, &link); err != nil || link.Relation != "next" {
		return err
	}
	next, err := d.server.resolve(d.from, link.URL)
	if err != nil {
		return retry.Permanent(fmt.Errorf("%s: the url %w", place, err))
	}
	d.page.next = next
	return nil
}

// requiresToken returns requiresAccessToken. If it is missing, the token is sent if all
// files are on the server that has the token already.
func (d *decoder) requiresToken() bool {
	switch token := d.token.(type) {
	case bool:
		return token
	case string:
		return token == "true"
	}
	return !slices.ContainsFunc(d.page.Files, func(file File) bool { return !access.SameOrigin(d.from, file.URL) })
}

// value reads a value of a type. place is its position in the manifest.
func (d *decoder) value(place string, into any) error {
	err := d.json.Decode(into)
	var mismatch *json.UnmarshalTypeError
	if errors.As(err, &mismatch) {
		if mismatch.Field != "" {
			place += "." + mismatch.Field
		}
		want := mismatch.Type.Kind().String()
		if want == "struct" {
			want = "object"
		}
		return retry.Permanent(fmt.Errorf("%s must be a JSON %s, got %s", place, want, mismatch.Value))
	}
	return truncated(err)
}

// skip reads a value of any size without keeping it.
func (d *decoder) skip() error {
	for depth := 0; ; {
		d.reader.renew()
		token, err := d.next()
		if err != nil {
			return err
		}
		switch token {
		case json.Delim('{'), json.Delim('['):
			depth++
		case json.Delim('}'), json.Delim(']'):
			depth--
		}
		if depth == 0 {
			return nil
		}
	}
}

// next returns the next token, which must exist.
func (d *decoder) next() (json.Token, error) {
	token, err := d.json.Token()
	return token, truncated(err)
}

// truncated returns the error for a document that ends too early.
func truncated(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

const (
	// maxManifest is the maximum size of a page in bytes, and maxValue the maximum size of
	// one of its values: an endless response does not fill the memory.
	maxManifest = 1 << 30
	maxValue    = 1 << 20
)

// boundedReader limits the size of a page and of each of its values.
type boundedReader struct {
	reader      io.Reader
	total, part int
}

// renew says that a value begins.
func (b *boundedReader) renew() { b.part = 0 }

func (b *boundedReader) Read(p []byte) (int, error) {
	if b.total >= maxManifest || b.part >= maxValue {
		return 0, retry.Permanent(fmt.Errorf("the manifest is too large: a page has more than %d bytes, or one of its values more than %d", maxManifest, maxValue))
	}
	n, err := b.reader.Read(p)
	b.total += n
	b.part += n
	return n, err
}
