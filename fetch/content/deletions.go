package content

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
)

// Deletions calls each with the Type/id of every deletion in a file of Bundles. It returns
// how many entries of Bundles are no deletions of a resource by its id.
func Deletions(r io.Reader, each func(reference string) error) (skipped int64, err error) {
	plain, err := Plain(r)
	if err != nil {
		return 0, err
	}
	bundles := &bundleReader{decoder: json.NewDecoder(plain), each: each}
	for {
		err := bundles.next()
		if errors.Is(err, io.EOF) {
			return bundles.skipped, nil
		}
		if err != nil {
			return bundles.skipped, err
		}
	}
}

// bundleReader reads Bundles entry by entry: servers write many thousands into one.
type bundleReader struct {
	decoder *json.Decoder
	each    func(string) error
	skipped int64
}

// next reads a Bundle. The error is io.EOF after the last one.
func (b *bundleReader) next() error {
	if err := b.expect('{'); err != nil {
		return err
	}
	for b.decoder.More() {
		name, err := b.decoder.Token()
		if err != nil {
			return unexpectedEnd(err)
		}
		read := b.skip
		if name == "entry" {
			read = b.entries
		}
		if err := read(); err != nil {
			return unexpectedEnd(err)
		}
	}
	return unexpectedEnd(b.expect('}'))
}

// entries reads the value of Bundle.entry.
func (b *bundleReader) entries() error {
	token, err := b.decoder.Token()
	switch {
	case err != nil:
		return err
	case token == nil: // null
		return nil
	case token != json.Delim('['):
		return errors.New("not a Bundle: its entry is no list")
	}
	for b.decoder.More() {
		var entry struct {
			Request struct{ Method, URL string }
		}
		var kind *json.UnmarshalTypeError
		if err := b.decoder.Decode(&entry); err != nil && !errors.As(err, &kind) {
			return err
		}
		reference, ok := deletedReference(entry.Request.Method, entry.Request.URL)
		if !ok {
			b.skipped++
			continue
		}
		if err := b.each(reference); err != nil {
			return err
		}
	}
	return b.expect(']')
}

// skip reads a value of any kind.
func (b *bundleReader) skip() error {
	for depth := 0; ; {
		token, err := b.decoder.Token()
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

// expect reads a delimiter.
func (b *bundleReader) expect(want json.Delim) error {
	token, err := b.decoder.Token()
	if err != nil {
		return err
	}
	if token != want {
		return fmt.Errorf("not a Bundle: %q expected at byte %d", want.String(), b.decoder.InputOffset())
	}
	return nil
}

// unexpectedEnd replaces io.EOF within a value.
func unexpectedEnd(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// references matches a resource type and an id at the end of a URL.
var references = regexp.MustCompile(`(?:^|/)([A-Z][A-Za-z]+)/([A-Za-z0-9.-]{1,64})$`)

// deletedReference returns the Type/id that a request of a Bundle deletes.
func deletedReference(method, url string) (string, bool) {
	parts := references.FindStringSubmatch(url)
	if parts == nil || !strings.EqualFold(method, http.MethodDelete) {
		return "", false
	}
	return parts[1] + "/" + parts[2], true
}
