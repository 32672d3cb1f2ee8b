package fhir

import (
	"bytes"
	"cmp"

	"github.com/seed-90096f4d/sluice/jsonscan"
)

// maxDepth bounds how deep objects are converted inside one another, and
// maxResources how deep resources are. What is deeper passes as stored.
const (
	maxDepth     = 1000
	maxResources = 16
)

// Options adjusts a [Converter]. The zero value is the default.
type Options struct {
	// Style sets the extension for meta.createdAt in both directions, and the base
	// URL of attachments for AppendFHIRType.
	Style Style

	// ExtensionValues says that in Aidbox format the values inside of
	// extensions are written the Aidbox way too, as Aidbox does with
	// BOX_FHIR_CORRECT_AIDBOX_FORMAT. By default AppendAidbox leaves extensions
	// as they are. AppendFHIRType reads both.
	ExtensionValues bool

	// Subset, if set, is what AppendFHIRType keeps of a document of the Subset's
	// type. It marks what it returns as incomplete.
	Subset *Subset

	// Issue is called for each thing that could not be converted and passed as
	// it was. It may be nil.
	Issue func(Issue)
}

// An Issue is something that could not be converted. It never holds content of
// the document.
type Issue struct {
	ResourceType string // of the document
	Path         string // of the element, as in Observation.component.value
	Reason       string
}

// A Converter turns documents from one format into the other. It keeps its
// working memory, so it is not safe for concurrent use: make one for each
// goroutine. Its zero value is not usable.
type Converter struct {
	tables    *Tables
	options   Options
	createdAt []byte // the extension for it, up to its url

	createdAtURL string // that url as JSON writes it
	base, origin string // of relative URLs, as JSON writes them

	followers [256]follower // the members that came last, by the number of the slot before
	merged    []byte        // the merged value of a replacement

	// The state of the conversion that runs.
	src       []byte
	direction direction
	depth     int  // of objects
	resources int  // of resources
	broken    bool // src is not JSON

	replacements []Replacement // those yet to come
	path         []step
	held         []held
	claims       []claimed
	found        []extracted
	scratch      []byte
}

// A step of the way from the root to where the conversion is.
type step struct {
	field *field
	node  *node
}

// NewConverter returns a converter for documents of the FHIR version that t
// describes.
func NewConverter(t *Tables, options Options) *Converter {
	createdAtURL := escape(cmp.Or(options.Style.CreatedAtURL, DefaultCreatedAtURL))
	base, origin := bases(options.Style.AttachmentBaseURL)
	return &Converter{
		tables:    t,
		options:   options,
		createdAt: []byte(`{"url":"` + createdAtURL + `"`),

		createdAtURL: createdAtURL,
		base:         base,
		origin:       origin,
	}
}

// AppendFHIRType appends the FHIR form of a document in Aidbox format, of which
// the resource type is known, on one line and without white space between tokens,
// and returns the extended slice. The document is a valid JSON document with id,
// meta and resourceType in it.
//
// It never fails: what cannot be converted passes as stored and is reported to
// Options.Issue. What is no JSON document passes as it is. Members keep their
// order; a reference stands where its id, uri or localRef stood. What dst has room
// for beyond the slice returned may have been written to.
//
// The replacements, in the order of [jsonscan.CompareNames], stand where jsonb would
// have them, in place of the members with these names, if there are any. Their values
// are converted, but not their names: they are for members that have the same name
// in both formats. A Subset keeps them all.
func (c *Converter) AppendFHIRType(dst []byte, resourceType string, doc []byte, replace ...Replacement) []byte {
	n, ok := c.tables.resources[resourceType]
	if !ok {
		n = c.tables.custom
	}
	c.replacements = replace
	dst = c.document(dst, doc, toFHIR, n)
	c.replacements = nil
	return dst
}

// AppendAidbox appends the Aidbox form of a FHIR document and returns the
// extended slice. The document is untrusted input: anything but one JSON object
// that PostgreSQL can keep as jsonb is a [*jsonscan.SyntaxError], and dst comes back as
// it was. What dst has room for beyond the slice returned may have been written to.
func (c *Converter) AppendAidbox(dst, doc []byte) ([]byte, error) {
	if err := jsonscan.Validate(doc); err != nil {
		return dst, err
	}
	return c.document(dst, doc, toAidbox, c.typeOf(doc)), nil
}

// typeOf returns the elements of the resource type that a document names.
func (c *Converter) typeOf(doc []byte) *node {
	return c.tables.resource(resourceType(doc, jsonscan.SkipSpace(doc, 0)))
}

// resourceType returns the resourceType of the object at src[i], or nil.
func resourceType(src []byte, i int) []byte {
	m, ok := jsonscan.FindMember(src, i, "resourceType")
	if !ok {
		return nil
	}
	text, _ := jsonscan.StringText(src, m.Value)
	return text
}

// document converts one document.
func (c *Converter) document(dst, doc []byte, d direction, n *node) []byte {
	c.src, c.direction, c.broken = doc, d, false
	c.depth, c.resources = 0, 0
	c.path = append(c.path[:0], step{node: n})
	c.held, c.claims, c.found = c.held[:0], c.claims[:0], c.found[:0]

	start := len(dst)
	i := jsonscan.SkipSpace(doc, 0)
	if jsonscan.At(doc, i) == '{' {
		dst, i = c.object(dst, i, n)
		if c.options.Subset != nil {
			dst = markSubsetted(dst, start)
		}
	} else {
		dst, i = jsonscan.AppendCompact(dst, doc, i)
	}
	if c.broken || jsonscan.SkipSpace(doc, i) != len(doc) {
		dst = append(dst[:start], doc...)
	}
	c.src = nil
	c.merged, c.scratch = kept(c.merged), kept(c.scratch)
	return dst
}

// keptSize is the largest working memory that is kept for the next document.
const keptSize = 1 << 20

func kept(memory []byte) []byte {
	if cap(memory) > keptSize {
		return nil
	}
	return memory
}

// escape returns the text of a JSON string that stands for text, without quotes.
func escape(text string) string {
	quoted := jsonscan.AppendString(nil, []byte(text))
	return string(quoted[1 : len(quoted)-1])
}

// simplified returns the text of a string without the escapes that JSON does not
// require. It is valid until the next call.
func (c *Converter) simplified(text []byte) []byte {
	if bytes.IndexByte(text, '\\') < 0 {
		return text
	}
	c.scratch = jsonscan.AppendSimplified(c.scratch[:0], text)
	return c.scratch
}
