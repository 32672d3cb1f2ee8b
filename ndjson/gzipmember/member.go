// Package gzipmember writes one gzip member (RFC 1952) out of pieces that were
// compressed independently, by one goroutine or by several.
//
// It must not know what the bytes mean.
package gzipmember

import (
	"encoding/binary"
	"io"
)

// header begins a member: deflate, no name, no time, unknown system (RFC 1952, 2.3).
var header = []byte{0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff}

// lastBlock is an empty deflate block marked as the last (RFC 1951, 3.2.6).
var lastBlock = []byte{3, 0}

// A Piece is a compressed piece of a member: blocks of deflate, of which none is
// the last, that end on a byte boundary.
type Piece struct {
	Data       []byte
	PlainBytes int    // before compression
	CRC        uint32 // of the bytes before compression
}

// A Writer writes a member: its header, compressed pieces, and its trailer. The output
// has only one member, since some readers stop after the first.
type Writer struct {
	w     io.Writer
	begun bool // the header is written
	crc   uint32
	size  uint32 // before compression, modulo 2^32
}

// NewWriter returns a Writer of a member to w.
func NewWriter(w io.Writer) *Writer { return &Writer{w: w} }

// Write writes a piece. Everything up to it can then be decompressed.
func (m *Writer) Write(p Piece) error {
	m.crc = joinCRC(m.crc, p.CRC, p.PlainBytes)
	m.size += uint32(p.PlainBytes)
	return m.append(p.Data)
}

// Close completes the member. Without it, readers report an unexpected end.
func (m *Writer) Close() error {
	end := append([]byte{}, lastBlock...)
	end = binary.LittleEndian.AppendUint32(end, m.crc)
	end = binary.LittleEndian.AppendUint32(end, m.size)
	return m.append(end)
}

// append writes data, after the header.
func (m *Writer) append(data []byte) error {
	if !m.begun {
		m.begun = true
		if _, err := m.w.Write(header); err != nil {
			return err
		}
	}
	_, err := m.w.Write(data)
	return err
}
