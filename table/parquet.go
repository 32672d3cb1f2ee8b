package table

import (
	"bufio"
	"fmt"
	"io"

	"github.com/parquet-go/parquet-go"
)

// Limits of a file of Parquet. Compressed pages stay in memory until their row group is
// complete, and each column has a page that is not compressed yet, so these limits are
// most of the memory of an open file.
const (
	// maxRowGroupBytes is the size of the pages of a row group, compressed. What columns
	// have in open pages may come on top.
	maxRowGroupBytes = 16 << 20

	// maxRowGroupRows bounds row groups of short rows: readers work on row groups in
	// parallel.
	maxRowGroupRows = 250_000

	// openPageBytes is divided among the columns for their open pages.
	openPageBytes = 8 << 20

	minPageBytes = 8 << 10
	maxPageBytes = 256 << 10

	// maxDictionaries is the number of columns up to which they have dictionaries. A
	// dictionary takes several times the memory of its values, at least 16 KiB.
	maxDictionaries = 100

	// rowsAtOnce are written to a column before the size of its page is compared. A page
	// may exceed its limit by that many rows.
	rowsAtOnce = 64
)

// parquetFile writes Parquet.
type parquetFile struct {
	columns []column
	out     *output
	writer  *parquet.GenericWriter[any]
	leaves  []leafWriter

	groupLimit int64
	groupStart int64 // size of the file without the current row group
	groupRows  int
	closed     bool
}

func newParquet(out io.Writer, columns []column, metadata Metadata) *parquetFile {
	f := &parquetFile{columns: columns, out: &output{buffer: bufio.NewWriterSize(out, 64<<10)}}
	pageBytes := max(minPageBytes, min(maxPageBytes, openPageBytes/len(columns)))
	f.groupLimit = maxRowGroupBytes + int64(pageBytes*len(columns))
	options := []parquet.WriterOption{
		newSchema(columns),
		parquet.DataPageVersion(1),
		parquet.DataPageStatistics(false),
		parquet.PageBufferSize(pageBytes),
		parquet.DictionaryMaxBytes(int64(pageBytes / 2)),
		parquet.ColumnPageBuffers(parquet.NewChunkBufferPool(pageBytes / 8)),
		parquet.WriteBufferSize(0), // output has a buffer
		parquet.CreatedBy("sluice", metadata.Version, ""),
	}
	for i := range columns {
		if !bounded(&columns[i]) {
			options = append(options, parquet.SkipPageBounds(path(&columns[i])...))
		}
	}
	f.writer = parquet.NewGenericWriter[any](f.out, options...)
	for _, w := range f.writer.ColumnWriters() {
		f.leaves = append(f.leaves, leafWriter{column: w, pageBytes: pageBytes * 9 / 10})
	}
	for _, m := range keyValues(metadata) {
		f.writer.SetKeyValueMetadata(m[0], m[1])
	}
	return f
}

func (f *parquetFile) newBuffer() buffer { return newColumnar(f.columns) }

func (f *parquetFile) size() int64 {
	if f.closed {
		return f.out.written
	}
	return f.writer.Size()
}

func (f *parquetFile) write(b buffer) error {
	rows := b.(*columnar)
	for i := range rows.leaves {
		if err := f.leaves[i].write(rows.leaves[i].values, rows.rows); err != nil {
			return fmt.Errorf("write column %s: %w", f.columns[i].Name, err)
		}
	}
	f.groupRows += rows.rows
	if f.groupRows < maxRowGroupRows && f.writer.Size()-f.groupStart < f.groupLimit {
		return nil
	}
	return f.flush()
}

// flush completes the row group.
func (f *parquetFile) flush() error {
	if err := f.writer.Flush(); err != nil {
		return fmt.Errorf("write row group: %w", err)
	}
	f.groupStart, f.groupRows = f.writer.Size(), 0
	return nil
}
