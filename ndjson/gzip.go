package ndjson

import (
	"encoding/binary"
	"hash/crc32"
	"io"
	"slices"
)

// gzipHeader begins a gzip member: deflate, no name, no time, any system (RFC
// 1952, 2.3).
var gzipHeader = []byte{0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff}

// lastBlock is an empty deflate block that says it is the last (RFC 1951, 3.2.6).
var lastBlock = []byte{3, 0}

// gzipper writes one gzip member: lines that it compresses itself, in one
// stream, and pieces that lanes have compressed. There is but one member, since
// some readers stop after the first.
type gzipper struct {
	out   io.Writer
	pack  deflater
	ready []byte // of the deflater, to be written

	begun bool   // the header is written
	dirty bool   // the deflater has taken lines since it was last reset
	crc   uint32 // of all lines
	size  uint32 // of all lines, modulo 2^32
}

func newGzipper(out io.Writer, level int) (*gzipper, error) {
	pack, err := newDeflater(level)
	if err != nil {
		return nil, err
	}
	return &gzipper{out: out, pack: pack}, nil
}

// write adds a chunk.
func (g *gzipper) write(c chunk) error {
	if !c.packed {
		g.crc = crc32.Update(g.crc, crc32.IEEETable, c.data)
		g.size += uint32(len(c.data))
		return g.compress(c.data)
	}
	if err := g.interrupt(); err != nil {
		return err
	}
	g.crc = joinCRC(g.crc, c.crc, c.lines)
	g.size += uint32(c.lines)
	return g.append(c.data)
}

// compress adds lines to the gzipper's own stream. A huge one goes through in
// slices, so that what becomes of it is not held as a whole.
func (g *gzipper) compress(lines []byte) error {
	g.dirty = true
	for slice := range slices.Chunk(lines, chunkSize) {
		var err error
		if g.ready, err = g.pack.add(g.ready, slice); err != nil {
			return err
		}
		if err := g.send(); err != nil {
			return err
		}
	}
	return nil
}

// interrupt ends the gzipper's own stream, so that a piece of another can follow.
func (g *gzipper) interrupt() error {
	if !g.dirty {
		return nil
	}
	if err := g.flush(); err != nil {
		return err
	}
	g.dirty = false
	g.pack.reset()
	return nil
}

// flush makes all lines so far readable at the other end.
func (g *gzipper) flush() (err error) {
	if !g.dirty {
		return nil
	}
	if g.ready, err = g.pack.flush(g.ready); err != nil {
		return err
	}
	return g.send()
}

// send writes what the deflater has ready.
func (g *gzipper) send() error {
	ready := g.ready
	g.ready = ready[:0]
	if len(ready) == 0 {
		return nil
	}
	return g.append(ready)
}

// append writes a piece of the member, after its header.
func (g *gzipper) append(piece []byte) error {
	if !g.begun {
		g.begun = true
		if _, err := g.out.Write(gzipHeader); err != nil {
			return err
		}
	}
	_, err := g.out.Write(piece)
	return err
}

// close completes the member.
func (g *gzipper) close() error {
	if err := g.interrupt(); err != nil {
		return err
	}
	end := append([]byte{}, lastBlock...)
	end = binary.LittleEndian.AppendUint32(end, g.crc)
	end = binary.LittleEndian.AppendUint32(end, g.size)
	return g.append(end)
}
