package patientindex

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"io"

	"github.com/seed-90096f4d/sluice/source"
)

// Share is a piece of an index that can be read alone.
type Share struct {
	// Offset and Length say where it lies in the index, in bytes.
	Offset, Length int64

	// Rows is how many rows it has, a row in two blocks twice.
	Rows int64 `json:"-"`

	// Bytes is what their resources take on disk.
	Bytes int64 `json:"-"`
}

// Writer writes an index.
type Writer struct {
	out    *bufio.Writer
	target int64
	shares []Share
	at     int64 // bytes written
	share  Share // being written, if it has rows
	key    []byte
	buf    []byte
}

// NewWriter returns a Writer to w that begins a new share with the first block
// after one of target bytes of resources on disk.
func NewWriter(w io.Writer, target int64) *Writer {
	return &Writer{out: bufio.NewWriterSize(w, 64<<10), target: target}
}

// Add adds a row of that many bytes to the block of the key. Rows of one key must
// come one after the other.
func (w *Writer) Add(key []byte, place source.RowAddress, size int64) error {
	w.buf = w.buf[:0]
	if w.share.Rows == 0 || !bytes.Equal(key, w.key) {
		if w.share.Bytes >= w.target && w.share.Rows > 0 {
			if err := w.cut(); err != nil {
				return err
			}
		}
		w.key = append(w.key[:0], key...)
		w.buf = append(binary.AppendUvarint(append(w.buf, markKey), uint64(len(key))), key...)
	}
	w.buf = binary.AppendUvarint(append(w.buf, markRow), uint64(place.Relation))
	w.buf = binary.AppendUvarint(w.buf, uint64(place.TID.Page))
	w.buf = binary.AppendUvarint(w.buf, uint64(place.TID.Offset))
	w.buf = binary.AppendUvarint(w.buf, uint64(size))
	w.share.Rows++
	w.share.Bytes += size
	return w.write(w.buf)
}

// Finish ends the index and returns its shares, in their order.
func (w *Writer) Finish() ([]Share, error) {
	if w.share.Rows > 0 {
		if err := w.cut(); err != nil {
			return nil, err
		}
	}
	return w.shares, w.out.Flush()
}

// cut ends the share being written.
func (w *Writer) cut() error {
	if err := w.write([]byte{markEnd}); err != nil {
		return err
	}
	w.share.Length = w.at - w.share.Offset
	w.shares = append(w.shares, w.share)
	w.share = Share{Offset: w.at}
	return nil
}

func (w *Writer) write(p []byte) error {
	w.at += int64(len(p))
	_, err := w.out.Write(p)
	return err
}
