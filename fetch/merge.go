package fetch

import (
	"crypto/sha256"
	"encoding/hex"
	"net/url"
	"slices"

	"github.com/seed-90096f4d/sluice/fetch/quote"
	"github.com/seed-90096f4d/sluice/fetch/remote"
)

// merging matches the files of a manifest with those that are known of an export: by the
// whole link, by the path, and by what the manifest says of files that have the same path.
// If all files are known, those that are left are matched by their position.
type merging struct {
	export *export
	// grow accepts files that are not known to the export; whole means that all pages are
	// added at once.
	grow, whole bool
	// complete reports that all files were known at the beginning.
	complete bool
	known    []*file // at the beginning
	matched  map[*file]bool
}

// match is a file of a manifest with the file of the export that it is.
type match struct {
	link   *url.URL
	listed *file // as the manifest has it
	file   *file
	// new reports that the file was not known.
	new bool
}

func newMerging(x *export, grow, whole bool) *merging {
	return &merging{export: x, grow: grow, whole: whole, complete: x.Complete, known: slices.Clone(x.Files), matched: map[*file]bool{}}
}

// add returns the files of pages. New ones are not added to the export.
func (m *merging) add(pages []*remote.Manifest) ([]match, error) {
	x := m.export
	var matches []match
	for _, p := range pages {
		if x.TransactionTime != "" && x.TransactionTime != p.TransactionTime {
			return nil, fail(Failed, "the export has changed on the server: its transactionTime was %s and is now %s", x.TransactionTime, p.TransactionTime)
		}
		x.TransactionTime, x.ServerRequest, x.OrganizedBy = p.TransactionTime, p.Request, p.OrganizedBy
		for _, told := range p.Files {
			matches = append(matches, match{link: told.URL, listed: newFile(told)})
		}
	}
	m.match(matches)
	if m.complete {
		if err := m.matchPositions(matches); err != nil {
			return nil, err
		}
	}
	return m.settle(matches)
}

// settle takes over the links of known files and makes files of those that are new.
func (m *merging) settle(matches []match) ([]match, error) {
	settled := matches[:0]
	for _, match := range matches {
		switch f := match.file; {
		case f != nil:
			if err := checkSame(f, match.listed); err != nil {
				return nil, err
			}
			f.Link, f.LinkSHA256 = match.listed.Link, match.listed.LinkSHA256
		case m.complete:
			return nil, fail(Failed, "the export has changed on the server: its manifest has more files of %s than before", match.listed.Type)
		case !m.grow:
			continue
		default:
			match.file, match.new = match.listed, true
		}
		m.matched[match.file] = true
		settled = append(settled, match)
	}
	return settled, nil
}

// end returns an error if a whole manifest lacked a known file.
func (m *merging) end() error {
	if !m.grow && !m.complete {
		return nil
	}
	missing := slices.IndexFunc(m.known, func(f *file) bool { return !m.matched[f] })
	if missing >= 0 {
		return fail(Failed, "the export has changed on the server: its manifest lacks %s", m.known[missing])
	}
	return nil
}

// newFile returns the file of an entry of a manifest.
func newFile(told remote.File) *file {
	return &file{Section: told.Section, Type: told.Type, Link: quote.URL(told.URL), LinkSHA256: linkSum(told.URL), Count: told.Count, Size: told.Size, SHA256: told.SHA256}
}

// checkSame returns an error if the properties of a file in a manifest have changed.
func checkSame(f, told *file) error {
	switch {
	case f.Count >= 0 && told.Count >= 0 && f.Count != told.Count:
		return fail(Failed, "the export has changed on the server: %s had %s and now has %d", f, counted(f.Count, "resource"), told.Count)
	case f.Size >= 0 && told.Size >= 0 && f.Size != told.Size:
		return fail(Failed, "the export has changed on the server: %s had %s and now has %d", f, counted(f.Size, "byte"), told.Size)
	case f.SHA256 != "" && told.SHA256 != "" && f.SHA256 != told.SHA256:
		return fail(Failed, "the export has changed on the server: %s has another sha256", f)
	}
	return nil
}

// linkSum returns a hash of a whole link, whose query may be secret.
func linkSum(u *url.URL) string {
	sum := sha256.Sum256([]byte(u.String()))
	return hex.EncodeToString(sum[:])
}
