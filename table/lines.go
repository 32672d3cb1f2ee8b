package table

import (
	"fmt"
	"io"

	"github.com/seed-90096f4d/sluice/view"
)

// lines writes a text format. Rows are encoded when they are appended, so that encoding
// runs in all goroutines that fill batches.
type lines struct {
	out io.Writer

	// encode appends a row.
	encode func(dst []byte, row []view.Cell) ([]byte, error)

	// prefix precedes the first row, from which skip bytes are left out. suffix follows
	// the last row. empty is a file without rows.
	prefix, suffix, empty []byte
	skip                  int

	written int64
}

func (f *lines) newBuffer() buffer { return &lineBuffer{encode: f.encode} }

func (f *lines) write(b buffer) error {
	text := b.(*lineBuffer).text
	if f.written == 0 {
		if err := f.print(f.prefix); err != nil {
			return err
		}
		text = text[f.skip:]
	}
	return f.print(text)
}

func (f *lines) close(rows int64) error {
	if rows == 0 {
		return f.print(f.empty)
	}
	return f.print(f.suffix)
}

func (f *lines) size() int64 { return f.written }

func (f *lines) print(text []byte) error {
	if len(text) == 0 {
		return nil
	}
	n, err := f.out.Write(text)
	f.written += int64(n)
	if err != nil {
		return fmt.Errorf("write rows: %w", err)
	}
	return nil
}

// lineBuffer has encoded rows.
type lineBuffer struct {
	encode func(dst []byte, row []view.Cell) ([]byte, error)
	text   []byte
}

func (b *lineBuffer) append(row []view.Cell) error {
	text, err := b.encode(b.text, row)
	b.text = text
	return err
}

func (b *lineBuffer) size() int { return len(b.text) }

func (b *lineBuffer) reset() {
	if cap(b.text) > maxRetained {
		b.text = nil
	}
	b.text = b.text[:0]
}
