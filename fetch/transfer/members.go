package transfer

import (
	"io"
	"sync"

	"github.com/klauspost/compress/gzip"
)

// memberBytes is how many plain bytes a gzip member has that is compressed on the way. A
// later run continues after the last complete member. Since members end at multiples of it,
// an interrupted download ends with the same bytes as an undisturbed one.
const memberBytes = 16 << 20

// compressors are gzip writers that are not in use. They trade a few per cent of size for
// speed.
var compressors = sync.Pool{New: func() any {
	zw, err := gzip.NewWriterLevel(nil, gzip.BestSpeed)
	if err != nil {
		panic(err) // the level is valid
	}
	return zw
}}

// members compresses to a file of gzip members.
type members struct {
	zw   *gzip.Writer
	w    io.Writer
	room int  // plain bytes left in the current member; 0 between members
	any  bool // there is a member
}

// newMembers returns a compressor. Continued means that the file has members already.
func newMembers(w io.Writer, continued bool) *members {
	return &members{zw: compressors.Get().(*gzip.Writer), w: w, any: continued} // the pool has nothing else
}

// Write implements io.Writer.
func (m *members) Write(p []byte) (n int, err error) {
	for n < len(p) {
		if m.room == 0 {
			m.begin()
		}
		written, err := m.zw.Write(p[n:min(len(p), n+m.room)])
		n += written
		if err != nil {
			return n, err
		}
		if m.room -= written; m.room == 0 {
			if err := m.zw.Close(); err != nil {
				return n, err
			}
		}
	}
	return n, nil
}

// begin begins a member.
func (m *members) begin() {
	m.zw.Reset(m.w)
	m.room, m.any = memberBytes, true
}

// Close ends the last member. An empty file is one empty member. Nothing can be written
// after it.
func (m *members) Close() error {
	defer compressors.Put(m.zw)
	if m.room == 0 && m.any {
		return nil
	}
	if !m.any {
		m.begin()
	}
	m.room = 0
	return m.zw.Close()
}
