package fetchtest

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"strconv"
)

// File is a file of an export. Its content is always the same for the same type, name and
// sizes.
type File struct {
	// Type is the resource type.
	Type string
	// Section is output, deleted or error. Default: output.
	Section string
	// Name is the last element of its path. Files of a section have different names.
	Name string
	// Lines is the number of resources, LineBytes about the size of each. Default: 200.
	Lines, LineBytes int
	// Content is the content in place of generated resources.
	Content []byte
	// Claim is what the manifest says instead of the truth.
	Claim Claim
}

// Claim is what a manifest says about a file instead of the truth, where it is not zero.
type Claim struct {
	Count, Size int
	SHA256      string
	Type        string
}

// Files returns a number of files of a type with a number of resources each.
func Files(resourceType string, files, lines int) (all []File) {
	for i := range files {
		all = append(all, File{Type: resourceType, Name: fmt.Sprintf("%s.%d.ndjson", resourceType, i+1), Lines: lines})
	}
	return all
}

// Deletions returns a file of the section deleted: a transaction Bundle for each
// reference (Type/id).
func Deletions(name string, references ...string) File {
	var content bytes.Buffer
	for _, reference := range references {
		fmt.Fprintf(&content, `{"resourceType":"Bundle","type":"transaction","entry":[{"request":{"method":"DELETE","url":%q}}]}`+"\n", reference)
	}
	return File{Type: "Bundle", Section: "deleted", Name: name, Content: content.Bytes()}
}

// Issues returns a file of the section error: an OperationOutcome for each text.
func Issues(name, severity string, texts ...string) File {
	var content bytes.Buffer
	for _, text := range texts {
		fmt.Fprintf(&content, `{"resourceType":"OperationOutcome","issue":[{"severity":%q,"code":"processing","diagnostics":%q}]}`+"\n", severity, text)
	}
	return File{Type: "OperationOutcome", Section: "error", Name: name, Content: content.Bytes()}
}

// NDJSON returns the content of the file.
func (f File) NDJSON() []byte {
	if f.Content != nil || f.Lines == 0 {
		return f.Content
	}
	size := f.LineBytes
	if size == 0 {
		size = 200
	}
	seed := fnv.New64a()
	_, _ = seed.Write([]byte(f.Section + f.Type + f.Name)) // a hash never fails
	random := rand.New(rand.NewPCG(seed.Sum64(), 0))
	content := make([]byte, 0, f.Lines*size)
	filler := make([]byte, size/2)
	for i := range f.Lines {
		begin := len(content)
		content = append(content, `{"resourceType":"`+f.Type+`","id":"`+f.Name+"-"+strconv.Itoa(i)+`","note":"`...)
		if rest := size - 3 - (len(content) - begin); rest > 0 {
			for j := range filler {
				filler[j] = byte(random.Uint32())
			}
			text := hex.EncodeToString(filler)
			content = append(content, text[:min(rest, len(text))]...)
		}
		content = append(content, "\"}\n"...)
	}
	return content
}

// section returns the section of the manifest.
func (f File) section() string {
	if f.Section == "" {
		return "output"
	}
	return f.Section
}
