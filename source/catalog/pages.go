package catalog

// PageRange is a half-open range of heap pages of one of a table's relations. The zero
// value is the whole table.
type PageRange struct {
	// Schema and Name identify the relation. If they are empty, the range is the table
	// with its partitions and the tables that inherit from it.
	Schema, Name string

	// From is the first page, counted from 0.
	From int64

	// To is the page after the last one; 0 means the end at the time of the scan.
	To int64

	// ByLookup means that the Lookup of the scan's condition finds the rows
	// (source.Snapshot.PlanIndexes).
	ByLookup bool `json:",omitempty"`

	// Bytes is the approximate size, as Member.Bytes. Scans ignore it.
	Bytes int64 `json:"-"`
}

// PageRanges splits a table into page ranges of about target bytes each, in the order of
// the table's members. Together they contain each row exactly once. A table without
// pages has no ranges. An Unsplit member is one range, and so is each member if target is
// 0 or less.
//
// The sizes in t must have been read after the snapshot to scan was taken, so that all of
// its rows are within them. The last range of a member has no end anyway, since that
// costs nothing.
func PageRanges(t Table, target int64) []PageRange {
	var ranges []PageRange
	for _, m := range t.Members {
		ranges = append(ranges, m.pageRanges(target)...)
	}
	return ranges
}

func (m Member) pageRanges(target int64) []PageRange {
	whole := PageRange{Schema: m.Schema, Name: m.Name, ByLookup: m.ByLookup, Bytes: m.Bytes}
	if m.Unsplit || m.Pages > 0 && (target <= 0 || m.Bytes <= target) {
		return []PageRange{whole}
	}
	if m.Pages == 0 {
		return nil
	}

	count := min((m.Bytes+target-1)/target, m.Pages)
	ranges := make([]PageRange, 0, count)
	for i := range count {
		r := whole
		r.From = boundary(m.Pages, i, count)
		r.To = boundary(m.Pages, i+1, count)
		r.Bytes = m.Bytes / count
		ranges = append(ranges, r)
	}
	ranges[0].Bytes += m.Bytes % count
	ranges[count-1].To = 0
	return ranges
}

// boundary returns total*i/count without overflow: there can be 2^32 pages in as many
// ranges.
func boundary(total, i, count int64) int64 {
	return total/count*i + total%count*i/count
}
