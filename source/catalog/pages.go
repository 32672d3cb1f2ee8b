package catalog

// PageRange is a share of a table: the rows in the blocks From up to, but not
// including, To of one of its relations. The zero value is the whole table.
type PageRange struct {
	// Schema and Name are the relation's; empty, they mean the table with all
	// that belongs to it.
	Schema, Name string

	// From is the first block, counted from 0.
	From int64

	// To is the block after the last; 0 means up to the end, wherever that is
	// by then.
	To int64

	// ByLookup means that the scan's Lookup finds the rows (Snapshot.PlanIndexes).
	ByLookup bool `json:",omitempty"`

	// Bytes is about how much is to be read, as Member.Bytes counts it. A scan
	// does not look at it.
	Bytes int64 `json:"-"`
}

// PageRanges cuts a table into page ranges of about target bytes each, in the order
// of the table's members; together they hold each row exactly once. A table
// without blocks gives none. A member that is to be read in one go is one range,
// and with a target of 0 or less each is.
//
// The sizes in t must have been read after the snapshot that will be scanned
// was taken: rows it shows then lie within them. The last range of a member is
// open all the same, since that costs nothing.
func PageRanges(t Table, target int64) []PageRange {
	var ranges []PageRange
	for _, m := range t.Members {
		ranges = append(ranges, m.plan(target)...)
	}
	return ranges
}

func (m Member) plan(target int64) []PageRange {
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
		r.From = share(m.Pages, i, count)
		r.To = share(m.Pages, i+1, count)
		r.Bytes = m.Bytes / count
		ranges = append(ranges, r)
	}
	ranges[0].Bytes += m.Bytes % count
	ranges[count-1].To = 0
	return ranges
}

// share is total*i/count without overflow: there can be 2^32 blocks in as many
// ranges.
func share(total, i, count int64) int64 {
	return total/count*i + total%count*i/count
}
