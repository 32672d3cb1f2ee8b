package fetch

import (
	"net/url"
	"slices"

	"github.com/seed-90096f4d/sluice/fetch/remote"
)

// merging matches the files of a manifest, page by page, with those that are known of the
// export: by section, type and path, and if the server has changed the paths, by section,
// type and position.
type merging struct {
	export *export
	// grow adds files that are not known to the export.
	grow bool
	// again reports that the pages were matched before, while the export was running.
	again bool
	// complete reports that all files were known at the beginning.
	complete  bool
	byLink    map[fileKey][]*file
	bySeries  map[fileKey][]*file
	positions map[fileKey]int
	matched   map[*file]bool
}

// fileKey identifies a file by its link, or files by their type if link is empty.
type fileKey struct {
	section    remote.Section
	kind, link string
}

// match is a file with its current link.
type match struct {
	file *file
	link *url.URL
	// new reports that the file was not known.
	new bool
}

func newMerging(x *export, grow bool) *merging {
	m := &merging{export: x, grow: grow, complete: x.Complete, byLink: map[fileKey][]*file{}, bySeries: map[fileKey][]*file{},
		positions: map[fileKey]int{}, matched: map[*file]bool{}}
	for _, f := range x.Files {
		link, series := fileKey{f.Section, f.Type, f.Link}, fileKey{f.Section, f.Type, ""}
		m.byLink[link] = append(m.byLink[link], f)
		m.bySeries[series] = append(m.bySeries[series], f)
	}
	return m
}

// page returns the files of a page.
func (m *merging) page(p *remote.Manifest) ([]match, error) {
	x := m.export
	if x.TransactionTime != "" && x.TransactionTime != p.TransactionTime {
		return nil, fail(Failed, "the export has changed on the server: its transactionTime was %s and is now %s", x.TransactionTime, p.TransactionTime)
	}
	x.TransactionTime, x.ServerRequest, x.OrganizedBy = p.TransactionTime, p.Request, p.OrganizedBy
	matches := make([]match, 0, len(p.Files))
	for _, told := range p.Files {
		f := m.find(told)
		known := f != nil
		switch {
		case known:
			if err := checkSame(f, told); err != nil {
				return nil, err
			}
			f.Link = withoutQuery(told.URL)
		case m.complete:
			return nil, fail(Failed, "the export has changed on the server: its manifest has more files of %s than before", told.Type)
		case !m.grow:
			continue
		default:
			f = newFile(told)
			x.Files = append(x.Files, f)
		}
		m.matched[f] = true
		matches = append(matches, match{file: f, link: told.URL, new: !known})
	}
	return matches, nil
}

// find returns the known file that a file of the manifest is; nil if it is new.
func (m *merging) find(told remote.File) *file {
	series := fileKey{told.Section, told.Type, ""}
	position := m.positions[series]
	m.positions[series]++
	for _, f := range m.byLink[fileKey{told.Section, told.Type, withoutQuery(told.URL)}] {
		if !m.matched[f] {
			return f
		}
	}
	if files := m.bySeries[series]; position < len(files) && !m.matched[files[position]] {
		return files[position]
	}
	return nil
}

// end returns an error if a whole manifest lacked a known file.
func (m *merging) end() error {
	if !m.grow && !m.complete {
		return nil
	}
	missing := slices.IndexFunc(m.export.Files, func(f *file) bool { return !m.matched[f] })
	if missing >= 0 {
		return fail(Failed, "the export has changed on the server: its manifest lacks %s", m.export.Files[missing])
	}
	return nil
}

// newFile returns the file of an entry of a manifest.
func newFile(told remote.File) *file {
	return &file{Section: told.Section, Type: told.Type, Link: withoutQuery(told.URL), Count: told.Count, Size: told.Size, SHA256: told.SHA256}
}

// checkSame returns an error if the properties of a file in a manifest have changed.
func checkSame(f *file, told remote.File) error {
	switch {
	case f.Count >= 0 && told.Count >= 0 && f.Count != told.Count:
		return fail(Failed, "the export has changed on the server: %s had %d resources and now has %d", f, f.Count, told.Count)
	case f.Size >= 0 && told.Size >= 0 && f.Size != told.Size:
		return fail(Failed, "the export has changed on the server: %s had %d bytes and now has %d", f, f.Size, told.Size)
	case f.SHA256 != "" && told.SHA256 != "" && f.SHA256 != told.SHA256:
		return fail(Failed, "the export has changed on the server: %s has another sha256", f)
	}
	return nil
}

// withoutQuery returns a URL as text, without what may be secret.
func withoutQuery(u *url.URL) string {
	public := url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path, RawPath: u.RawPath}
	return public.String()
}
