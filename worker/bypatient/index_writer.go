package bypatient

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"io"

	"github.com/seed-90096f4d/sluice/source"
)

// indexWriter writes an index.
type indexWriter struct {
	out      *bufio.Writer
	target   int64
	sections []indexSection
	at       int64        // bytes written
	section  indexSection // being written, if it has rows
	key      []byte
	buf      []byte
}

// newIndexWriter returns an indexWriter to w. A section ends with the block in which
// its resources reach target bytes on disk.
func newIndexWriter(w io.Writer, target int64) *indexWriter {
	return &indexWriter{out: bufio.NewWriterSize(w, 64<<10), target: target}
}

// add adds a row of size bytes to the block of the key. The rows of a key must be
// added one after the other.
func (w *indexWriter) add(key []byte, place source.RowAddress, size int64) error {
	w.buf = w.buf[:0]
	if w.section.Rows == 0 || !bytes.Equal(key, w.key) {
		if w.section.Bytes >= w.target && w.section.Rows > 0 {
			if err := w.endSection(); err != nil {
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
	w.section.Rows++
	w.section.Bytes += size
	return w.write(w.buf)
}

// finish ends the index and returns its sections in order.
func (w *indexWriter) finish() ([]indexSection, error) {
	if w.section.Rows > 0 {
		if err := w.endSection(); err != nil {
			return nil, err
		}
	}
	return w.sections, w.out.Flush()
}

// endSection ends the section being written.
func (w *indexWriter) endSection() error {
	if err := w.write([]byte{markEnd}); err != nil {
		return err
	}
	w.section.Length = w.at - w.section.Offset
	w.sections = append(w.sections, w.section)
	w.section = indexSection{Offset: w.at}
	return nil
}

func (w *indexWriter) write(p []byte) error {
	w.at += int64(len(p))
	_, err := w.out.Write(p)
	return err
}
