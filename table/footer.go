package table

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/parquet-go/parquet-go/encoding/thrift"
	"github.com/parquet-go/parquet-go/format"
)

// magic begins and ends a file.
const magic = "PAR1"

// The keys of the metadata in the footer. A key without value is left out.
const (
	keyView         = "sluice.view"
	keyResourceType = "sluice.resource_type"
	keyVersion      = "sluice.version"
	keyExport       = "sluice.export"
	keySnapshot     = "sluice.snapshot" // RFC 3339
)

func keyValues(m Metadata) (pairs [][2]string) {
	snapshot := ""
	if !m.Snapshot.IsZero() {
		snapshot = m.Snapshot.UTC().Format(time.RFC3339Nano)
	}
	for _, p := range [][2]string{
		{keyExport, m.Export}, {keyResourceType, m.ResourceType}, {keySnapshot, snapshot},
		{keyVersion, m.Version}, {keyView, m.View},
	} {
		if p[1] != "" {
			pairs = append(pairs, p)
		}
	}
	return pairs
}

// output is where parquet-go writes. From the end of the last row group, what it writes is
// discarded.
type output struct {
	buffer  *bufio.Writer
	written int64
	discard bool
}

func (o *output) Write(p []byte) (int, error) {
	if o.discard {
		return len(p), nil
	}
	n, err := o.buffer.Write(p)
	o.written += int64(n)
	return n, err
}

// close completes the file with its own footer. The footer of parquet-go v0.32.0 refers to
// a page index in which columns without bounds have the bounds "" and "": readers that use
// it skip pages that have the rows they look for.
func (f *parquetFile) close(rows int64) error {
	if err := f.flush(); err != nil {
		return err
	}
	f.out.discard, f.closed = true, true
	if err := f.writer.Close(); err != nil {
		return fmt.Errorf("complete the footer: %w", err)
	}
	footer := f.writer.File().Metadata()
	if err := f.check(footer, rows); err != nil {
		return err
	}
	f.out.discard = false
	return f.writeFooter(footer)
}

// check compares the footer with what was written.
func (f *parquetFile) check(footer *format.FileMetaData, rows int64) error {
	if footer.NumRows != rows {
		return fmt.Errorf("the footer has %d rows, but %d were written", footer.NumRows, rows)
	}
	end := f.out.written
	for i := range footer.RowGroups {
		group := &footer.RowGroups[i]
		for j := range group.Columns {
			chunk := &group.Columns[j]
			chunk.ColumnIndexOffset, chunk.ColumnIndexLength = 0, 0
			chunk.OffsetIndexOffset, chunk.OffsetIndexLength = 0, 0
		}
		rows -= group.NumRows
		end = group.FileOffset + group.TotalCompressedSize
	}
	if rows != 0 || end != f.out.written {
		return fmt.Errorf("the row groups end at byte %d, but %d were written; %d rows are missing", end, f.out.written, rows)
	}
	return nil
}

func (f *parquetFile) writeFooter(footer *format.FileMetaData) error {
	if f.out.written == 0 {
		if _, err := f.out.Write([]byte(magic)); err != nil {
			return fmt.Errorf("write footer: %w", err)
		}
	}
	start := f.out.written
	if err := thrift.NewEncoder(new(thrift.CompactProtocol).NewWriter(f.out)).Encode(footer); err != nil {
		return fmt.Errorf("write footer: %w", err)
	}
	tail := binary.LittleEndian.AppendUint32(nil, uint32(f.out.written-start))
	if _, err := f.out.Write(append(tail, magic...)); err != nil {
		return fmt.Errorf("write footer: %w", err)
	}
	if err := f.out.buffer.Flush(); err != nil {
		return fmt.Errorf("write footer: %w", err)
	}
	return nil
}
