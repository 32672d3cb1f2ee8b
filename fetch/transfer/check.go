package transfer

import (
	"fmt"
	"strconv"
	"strings"
)

// check compares what was received with the expectation.
func (r *run) check() *MismatchError {
	d, c := r.d, r.content
	mismatch := func(check, want, got string) *MismatchError {
		return &MismatchError{Name: c.name(d.Name), Check: check, Want: want, Got: got}
	}
	if err := c.pipe.corruption(); err != nil {
		return mismatch("gzip", "intact gzip", err.Error())
	}
	if d.Options.Verify == NoneOf {
		return nil
	}
	if d.Expect.Size >= 0 && c.sizeOf(d.Expect.Size) == "" {
		return mismatch("size", fmt.Sprint(d.Expect.Size, " bytes"), c.sizes())
	}
	if want := strings.ToLower(d.Expect.SHA256); want != "" && d.comparesHash(c) && !c.hasSum(want) {
		return mismatch("sha256", want, c.stored.sum())
	}
	if !d.full() || c.origin.Opaque {
		return nil
	}
	if lines := c.lines.finish(); d.Expect.Count >= 0 && lines != d.Expect.Count {
		return mismatch("count", strconv.FormatInt(d.Expect.Count, 10)+" lines", strconv.FormatInt(lines, 10))
	}
	if c.lines.mismatch != "" {
		return mismatch("type", d.Expect.Type, c.lines.mismatch)
	}
	return nil
}

// comparesHash reports whether the expected hash is compared. Without unpacking, it is known
// to be of the stored bytes if their size is the expected one.
func (d *Download) comparesHash(c *content) bool {
	return d.full() || c.sizeOf(d.Expect.Size) == "stored"
}

// sizeOf returns which of the sizes of a file is the expected one.
func (c *content) sizeOf(want int64) string {
	switch {
	case c.origin.Form != Compressed && c.stored.bytes == want:
		return "stored"
	case c.knowsPlain() && c.plain.bytes == want:
		return "plain"
	case c.received.bytes == want:
		return "received"
	}
	return ""
}

// sizes returns the sizes of a file for a message.
func (c *content) sizes() string {
	text := fmt.Sprint(c.received.bytes, " bytes")
	if c.gzipped && c.knowsPlain() {
		text += fmt.Sprintf(" (%d unpacked)", c.plain.bytes)
	}
	return text
}

// hasSum reports whether a hash is of the bytes received, stored or unpacked.
func (c *content) hasSum(want string) bool {
	return c.stored.sum() == want || c.plain.sum() == want || c.received.sum() == want
}

// knowsPlain reports whether the plain text was looked at.
func (c *content) knowsPlain() bool {
	return !c.origin.Opaque && (!c.gzipped || c.inspect || c.origin.Form == Unpacked)
}

// stored describes the file.
func (r *run) stored() Stored {
	c := r.content
	s := Stored{Name: c.name(r.d.Name), Bytes: c.stored.bytes, SHA256: c.stored.sum(), Lines: -1, PlainBytes: -1}
	if c.knowsPlain() {
		s.Lines, s.PlainBytes = c.lines.finish(), c.plain.bytes
		s.Headers = c.lines.headers
	}
	if r.d.Expect.Size >= 0 && r.d.Options.Verify != NoneOf {
		s.SizeOf = c.sizeOf(r.d.Expect.Size)
	}
	return s
}
