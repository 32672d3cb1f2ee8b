package fetchtest

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path"
)

// ManifestOptions are what a manifest contains.
type ManifestOptions struct {
	// NoError leaves out the array error, as older versions of HAPI FHIR do.
	NoError bool
	// NoCounts leaves out count.
	NoCounts bool
	// Sizes adds fileSize.
	Sizes Sizes
	// SHA256 adds extension.sha256, the hash of the bytes that are sent.
	SHA256 bool
	// AB2D adds hash and size as AB2D does.
	AB2D bool
	// Edit changes the manifest before it is sent. n is the number of manifests that were
	// sent, from 1.
	Edit func(n int, manifest map[string]any)
}

// Sizes is the meaning of fileSize.
type Sizes int

// The sizes.
const (
	NoSizes     Sizes = iota // there is no fileSize
	SizesStored              // of the bytes as they are sent
	SizesPlain               // of the ndjson
)

// manifest returns a page of the manifest of an export, with new links.
func (s *Server) manifest(e *export, page, pages int, next bool) map[string]any {
	generation := s.newLinks()
	document := map[string]any{
		"transactionTime":     s.transactionTime(e.number),
		"request":             e.url,
		"requiresAccessToken": s.options.Links.requireAccessToken(s.options.Auth),
		"output":              []any{},
		"deleted":             []any{},
		"error":               []any{},
	}
	perPage := (len(e.files) + pages - 1) / pages
	for i, f := range e.files {
		if i/max(perPage, 1) == page-1 {
			document[f.section()] = append(document[f.section()].([]any), s.manifestFile(e, f, generation))
		}
	}
	if s.options.Manifest.NoError {
		delete(document, "error")
	}
	if next {
		document["link"] = []any{map[string]any{"relation": "next",
			"url": fmt.Sprintf("%s/fhir/status/%d/%d", s.api.URL, e.number, page+1)}}
	}
	if edit := s.options.Manifest.Edit; edit != nil {
		edit(s.count("manifest"), document)
	}
	return document
}

// manifestFile returns the entry of a file.
func (s *Server) manifestFile(e *export, f File, generation int) map[string]any {
	include, claim := s.options.Manifest, f.Claim
	plain := f.NDJSON()
	sent := s.options.Encoding.stored(plain)
	entry := map[string]any{"type": firstNonZero(claim.Type, f.Type), "url": s.link(e, f, generation)}
	if !include.NoCounts {
		entry["count"] = firstNonZero(claim.Count, countLines(plain))
	}
	switch include.Sizes {
	case SizesStored:
		entry["fileSize"] = firstNonZero(claim.Size, len(sent))
	case SizesPlain:
		entry["fileSize"] = firstNonZero(claim.Size, len(plain))
	}
	sum := sha256.Sum256(sent)
	hash := firstNonZero(claim.SHA256, hex.EncodeToString(sum[:]))
	switch {
	case include.AB2D:
		entry["extension"] = []any{
			map[string]any{"url": "https://ab2d.cms.gov/checksum", "valueString": "sha256:" + hash},
			map[string]any{"url": "https://ab2d.cms.gov/file_length", "valueDecimal": firstNonZero(claim.Size, len(sent))},
		}
	case include.SHA256:
		entry["extension"] = map[string]any{"sha256": hash}
	}
	return entry
}

// find returns the file of a path in an export.
func (e *export) find(folder, name string) (File, bool) {
	for _, f := range e.files {
		if path.Ext(folder) == "."+f.section() && f.Name == name {
			return f, true
		}
	}
	return File{}, false
}

func countLines(plain []byte) (lines int) {
	for _, b := range plain {
		if b == '\n' {
			lines++
		}
	}
	return lines
}

func firstNonZero[T comparable](values ...T) (zero T) {
	for _, v := range values {
		if v != zero {
			return v
		}
	}
	return zero
}
