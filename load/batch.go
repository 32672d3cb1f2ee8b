package load

import "time"

// batch holds rows of one resource type.
type batch struct {
	resourceType string
	rows         []row
	bytes        int // of memory, about
}

// row is the row of a resource.
type row struct {
	line             int64 // in the file
	id               string
	changed, created time.Time
	resource         []byte // jsonb text
}

// rowBytes is the memory of a row without its resource.
const rowBytes = 128

func (b *batch) add(r row) {
	b.rows = append(b.rows, r)
	b.bytes += rowBytes + len(r.resource)
}
