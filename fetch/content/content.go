// Package content reads stored files of exports: their size and hash, the deletions of
// Bundles, the issues of OperationOutcomes, and ids. It reads files as streams, whether
// they are compressed or not, in constant memory. It must not know where files are stored
// and how they were downloaded.
package content

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"

	"github.com/klauspost/compress/gzip"
)

// Facts are properties of a file.
type Facts struct {
	// Lines is the number of lines that are not blank.
	Lines int64
	// Bytes and SHA256 are of the file as it is stored, PlainBytes and PlainSHA256 of its
	// ndjson. Hashes are lower-case hex.
	Bytes, PlainBytes   int64
	SHA256, PlainSHA256 string
}

// Inspect reads a file to its end and returns its facts. The error is not nil if the
// compression is damaged.
func Inspect(r io.Reader) (Facts, error) {
	stored := &measure{hash: sha256.New()}
	whole := io.TeeReader(r, stored)
	plain, err := Plain(whole)
	if err != nil {
		return Facts{}, err
	}
	text := &measure{hash: sha256.New()}
	lines := &lineCounter{}
	if _, err := io.Copy(io.MultiWriter(text, lines), plain); err != nil {
		return Facts{}, err
	}
	return Facts{
		Lines:       lines.count(),
		Bytes:       stored.bytes,
		SHA256:      stored.sum(),
		PlainBytes:  text.bytes,
		PlainSHA256: text.sum(),
	}, nil
}

// gzipMagic begins compressed files.
var gzipMagic = []byte{0x1f, 0x8b}

// Plain returns a reader of the ndjson of a file, which is compressed or not.
func Plain(r io.Reader) (io.Reader, error) {
	buffered := bufio.NewReaderSize(r, 256<<10)
	begin, err := buffered.Peek(len(gzipMagic))
	if err != nil && err != io.EOF { //nolint:errorlint // Peek returns the reader's error
		return nil, err
	}
	if !bytes.Equal(begin, gzipMagic) {
		return buffered, nil
	}
	plain, err := gzip.NewReader(buffered)
	if err != nil {
		return nil, fmt.Errorf("invalid gzip: %w", err)
	}
	return plain, nil
}

// measure counts and hashes bytes.
type measure struct {
	bytes int64
	hash  hash.Hash
}

func (m *measure) Write(p []byte) (int, error) {
	m.bytes += int64(len(p))
	return m.hash.Write(p)
}

func (m *measure) sum() string { return hex.EncodeToString(m.hash.Sum(nil)) }

// lineCounter counts lines that are not blank.
type lineCounter struct {
	lines int64
	text  bool // the current line has text
}

func (c *lineCounter) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 {
		line, rest, ended := bytes.Cut(p, []byte{'\n'})
		if !c.text {
			c.text = len(bytes.TrimSpace(line)) > 0
		}
		if ended && c.text {
			c.lines++
			c.text = false
		}
		p = rest
	}
	return n, nil
}

// count returns the number of lines; the last one may lack its end.
func (c *lineCounter) count() int64 {
	if c.text {
		return c.lines + 1
	}
	return c.lines
}
