package fhir

import (
	"bytes"
	"cmp"
	"encoding/json" //nolint:depguard // validates untrusted input; nothing is decoded
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/seed-90096f4d/sluice/source/jsonb"
)

// maxDepth is the maximum depth of objects that are converted, and maxResources that
// of resources. What is nested more deeply is written as stored.
const (
	maxDepth     = 1000
	maxResources = 16
)

// Options configures a [Converter]. The zero value is the default.
type Options struct {
	// Style sets the extension for meta.createdAt in both directions, and the base
	// URL of attachments for AppendFHIRType.
	Style Style

	// Subset, if set, selects the root elements that AppendFHIRType keeps.
	Subset *Subset

	// Issue, if set, is called for each element that could not be converted and was
	// written as it is.
	Issue func(Issue)
}

// Issue is an element that could not be converted. It holds no content of the
// document.
type Issue struct {
	ResourceType string // of the document
	Path         string // of the element, as in Observation.component.value
	Reason       string
}

// Converter converts documents from one format into the other. It reuses its buffers
// and is not safe for concurrent use. Create it with [NewConverter].
type Converter struct {
	tables    *Tables
	options   Options
	createdAt []byte // the extension for meta.createdAt, up to its url

	createdAtURL string // escaped for JSON
	base, origin string // of relative URLs, escaped for JSON

	followers [1024]follower // predicted members, by the number of the previous slot
	print     []byte         // the text of a stored value to merge
	merged    []byte         // the merged value of a replacement

	// State of the current conversion.
	doc       document
	direction direction
	depth     int // of objects
	resources int // of resources

	replacements []Replacement // not yet written
	path         []step
	held         []held
	claims       []claimed
	scratch      []byte
}

// step is an element on the path from the root to the current position.
type step struct {
	field *field
	node  *node
}

// NewConverter returns a converter for the FHIR version of the tables.
func NewConverter(t *Tables, options Options) *Converter {
	createdAtURL := escape(cmp.Or(options.Style.CreatedAtURL, DefaultCreatedAtURL))
	base, origin := resolveBase(options.Style.AttachmentBaseURL)
	return &Converter{
		tables:    t,
		options:   options,
		createdAt: []byte(`{"url":"` + createdAtURL + `"`),

		createdAtURL: createdAtURL,
		base:         base,
		origin:       origin,
	}
}

// AppendFHIRType appends a document of a resource type in Aidbox format as FHIR, on
// one line and without white space between tokens, and returns the extended slice.
// The unused capacity of dst may be overwritten.
//
// The document is the text of jsonb. AppendFHIRType never fails: an element that cannot
// be converted is written as stored and reported to Options.Issue, and a document that
// is not JSON is appended as it is.
// Members keep their order; a reference takes the position of its id, uri or
// localRef.
//
// The replacements must be in the order of [jsonscan.CompareNames]. Each takes the
// position that jsonb would give it, and replaces the member with its name, if there
// is one. Its value is converted, but not its name, which must be the same in both
// formats. A Subset keeps all replacements.
func (c *Converter) AppendFHIRType(dst []byte, resourceType string, doc []byte, replace ...Replacement) []byte {
	dst, err := c.appendFHIR(dst, resourceType, document{src: doc}, replace)
	if err != nil {
		return append(dst, doc...)
	}
	return dst
}

// AppendFHIRStored is AppendFHIRType for a document in jsonb's stored form. Its error is
// [jsonb.ErrMalformed] or [jsonb.ErrTooLong], with dst unchanged.
func (c *Converter) AppendFHIRStored(dst []byte, resourceType string, doc []byte, replace ...Replacement) ([]byte, error) {
	return c.appendFHIR(dst, resourceType, document{src: doc, stored: true, limit: len(dst) + jsonb.MaxText}, replace)
}

func (c *Converter) appendFHIR(dst []byte, resourceType string, doc document, replace []Replacement) ([]byte, error) {
	n, ok := c.tables.resources[resourceType]
	if !ok {
		n = c.tables.custom
	}
	c.replacements = replace
	dst, err := c.document(dst, doc, toFHIR, n)
	c.replacements = nil
	return dst, err
}

// AppendAidbox appends a FHIR document in Aidbox format and returns the extended
// slice. The unused capacity of dst may be overwritten. If the document is not valid
// JSON, it returns an error and dst unchanged. What JSON allows but jsonb cannot store
// (\u0000, an unpaired surrogate, invalid UTF-8) is left to the database.
func (c *Converter) AppendAidbox(dst, doc []byte) ([]byte, error) {
	if !json.Valid(doc) {
		var syntax *json.SyntaxError
		_ = errors.As(json.Unmarshal(doc, new(any)), &syntax)
		return dst, fmt.Errorf("invalid JSON at byte %d: %w", syntax.Offset, syntax)
	}
	text := document{src: doc}
	return c.document(dst, text, toAidbox, c.rootNode(text))
}

// rootNode returns the elements of the resource type that a document states.
func (c *Converter) rootNode(doc document) *node {
	return c.tables.resource(doc.resourceType(doc.root()))
}

// document appends a converted document, or returns dst unchanged and the error of the
// document.
func (c *Converter) document(dst []byte, doc document, d direction, n *node) ([]byte, error) {
	c.doc, c.direction = doc, d
	c.depth, c.resources = 0, 0
	c.path = append(c.path[:0], step{node: n})
	c.held, c.claims = c.held[:0], c.claims[:0]

	start := len(dst)
	i := c.doc.root()
	if c.doc.first(i) == '{' {
		dst, i = c.object(dst, i, n)
		if c.options.Subset != nil && c.options.Subset.tagged {
			dst = markSubsetted(dst, start)
		}
	} else {
		dst, i = c.doc.appendValue(dst, i)
	}
	if c.doc.stored {
		c.doc.fits(dst)
	}
	err := c.doc.finish(i)
	if err != nil {
		dst = dst[:start]
	}
	c.doc = document{}
	c.merged, c.print, c.scratch = reusable(c.merged), reusable(c.print), reusable(c.scratch)
	return dst, err
}

// maxReused is the maximum size of a buffer that is reused for the next document.
const maxReused = 1 << 20

func reusable(buf []byte) []byte {
	if cap(buf) > maxReused {
		return nil
	}
	return buf
}

// escape returns text as a JSON string without quotes.
func escape(text string) string {
	return string(jsonb.AppendContent(nil, []byte(text)))
}

// simplified returns the text of a string without the escapes that JSON does not
// require: "Patient\/1" becomes "Patient/1".
func simplified(text []byte) []byte {
	if bytes.IndexByte(text, '\\') < 0 {
		return text
	}
	var decoded string
	err := json.Unmarshal(slices.Concat([]byte{'"'}, text, []byte{'"'}), &decoded)
	if err != nil || strings.ContainsRune(decoded, utf8.RuneError) {
		return text // it may stand for an unpaired surrogate, which the database rejects
	}
	return []byte(escape(decoded))
}
