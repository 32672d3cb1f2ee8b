package remote

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/seed-90096f4d/sluice/fetch/retry"
)

// entry is a file in the JSON of a manifest. Its members are tolerant: servers write
// counts as strings, and version 4 of Bulk Data makes the extension an array.
type entry struct {
	Type      string    `json:"type"`
	URL       string    `json:"url"`
	Count     number    `json:"count"`
	FileSize  number    `json:"fileSize"`
	Extension extension `json:"extension"`
}

// file reads a file of a section.
func (d *decoder) file(section Section, place string) error {
	e := entry{Count: -1, FileSize: -1, Extension: extension{size: -1}}
	if err := d.value(place, &e); err != nil {
		return err
	}
	if e.URL == "" {
		return retry.Permanent(fmt.Errorf("%s has no url", place))
	}
	location, err := d.server.resolve(d.from, e.URL)
	if err != nil {
		return retry.Permanent(fmt.Errorf("%s: the url %w", place, err))
	}
	if len(d.files[section]) >= maxFiles {
		return retry.Permanent(fmt.Errorf("the manifest is too large: %s has more than %d files", section, maxFiles))
	}
	file := File{Section: section, Type: e.Type, URL: location, Count: int64(e.Count), Size: int64(e.FileSize), SHA256: e.Extension.sha256}
	if file.Size < 0 {
		file.Size = int64(e.Extension.size)
	}
	switch section {
	case Deleted:
		file.Type = "Bundle"
	case Errors:
		file.Type = "OperationOutcome"
	}
	d.files[section] = append(d.files[section], file)
	return nil
}

// number is a count that may be a string; -1 if it is neither a count nor that.
type number int64

// UnmarshalJSON never fails.
func (n *number) UnmarshalJSON(text []byte) error {
	*n = -1
	value, err := strconv.ParseFloat(strings.Trim(string(text), `"`), 64)
	if err == nil && value >= 0 && value < 1<<53 && value == float64(int64(value)) {
		*n = number(value)
	}
	return nil
}

// extension has the members of a file that the specification does not define. Sluice
// writes an object with sha256, AB2D an array of FHIR extensions.
type extension struct {
	sha256 string
	size   number
}

// UnmarshalJSON never fails.
func (e *extension) UnmarshalJSON(text []byte) error {
	var members struct{ SHA256 string }
	if json.Unmarshal(text, &members) == nil {
		e.sha256 = parseSHA256(members.SHA256)
	}
	var list []struct {
		URL          string
		ValueString  string
		ValueDecimal number
		ValueInteger number
	}
	if json.Unmarshal(text, &list) != nil {
		return nil
	}
	for _, item := range list {
		switch item.URL {
		case "https://ab2d.cms.gov/checksum":
			e.sha256 = parseSHA256(item.ValueString)
		case "https://ab2d.cms.gov/file_length":
			e.size = max(item.ValueDecimal, item.ValueInteger)
		}
	}
	return nil
}

// parseSHA256 returns a hash in lower-case hex, or nothing if the text is not a SHA-256 in
// hex, with or without that name in front.
func parseSHA256(text string) string {
	text = strings.ToLower(text)
	text = strings.TrimPrefix(text, "sha256:")
	if sum, err := hex.DecodeString(text); err != nil || len(sum) != 32 {
		return ""
	}
	return text
}
