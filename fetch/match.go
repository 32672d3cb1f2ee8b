package fetch

import (
	"slices"

	"github.com/seed-90096f4d/sluice/fetch/remote"
)

// fileKey identifies a file, or files that cannot be distinguished.
type fileKey struct {
	section    remote.Section
	kind, link string
	count      int64
	size       int64
	sha256     string
}

// seriesOf returns the key of all files of a section and type, pathOf of those that have the
// same path, and contentOf of those that have the same path and properties.
func seriesOf(f *file) fileKey { return fileKey{section: f.Section, kind: f.Type} }

func pathOf(f *file) fileKey {
	key := seriesOf(f)
	key.link = f.Link
	return key
}

func contentOf(f *file) fileKey {
	key := pathOf(f)
	key.count, key.size, key.sha256 = f.Count, f.Size, f.SHA256
	return key
}

// linkOf returns the key of the files that have the same link, query included.
func linkOf(f *file) fileKey {
	key := seriesOf(f)
	key.link = f.LinkSHA256
	return key
}

// match finds known files by their links. Several files may have the same path, and links
// that differ in their queries, of which a part may be a signature that changes. Then the
// path does not say which is which.
func (m *merging) match(matches []match) {
	byLink := group(m.known, linkOf)
	listed := make([]*file, len(matches))
	for i := range matches {
		listed[i] = matches[i].listed
		for _, f := range byLink[linkOf(listed[i])] {
			if !m.matched[f] {
				m.take(&matches[i], f)
				break
			}
		}
	}
	keys := []func(*file) fileKey{pathOf}
	if m.whole { // otherwise, a file that is not known yet may have the same properties
		keys = append(keys, contentOf)
	}
	for _, key := range keys {
		known, told := group(m.known, key), group(listed, key)
		for i := range matches {
			same := known[key(listed[i])]
			if matches[i].file == nil && len(same) == 1 && !m.matched[same[0]] && len(told[key(listed[i])]) == 1 {
				m.take(&matches[i], same[0])
			}
		}
	}
}

// take notes which known file a file of the manifest is.
func (m *merging) take(to *match, f *file) {
	to.file = f
	m.matched[f] = true
}

// matchPositions matches the files that are left in the order of each type, if the type has
// as many as before. The error says that files with the same path cannot be distinguished.
func (m *merging) matchPositions(matches []match) error {
	known := group(slices.DeleteFunc(slices.Clone(m.known), func(f *file) bool { return m.matched[f] }), seriesOf)
	paths := group(m.known, pathOf)
	told := map[fileKey][]*match{}
	for i := range matches {
		if matches[i].file == nil {
			series := seriesOf(matches[i].listed)
			told[series] = append(told[series], &matches[i])
		}
	}
	for series, left := range told {
		if len(left) != len(known[series]) {
			continue // which is an error of settle or end
		}
		for i, match := range left {
			if len(paths[pathOf(match.listed)]) > 1 {
				return fail(Failed, "the links of %s files have changed and differ only in their queries: it is unknown which file is which", match.listed.Type)
			}
			m.take(match, known[series][i])
		}
	}
	return nil
}

// group returns files by a key, in their order.
func group(files []*file, key func(*file) fileKey) map[fileKey][]*file {
	groups := make(map[fileKey][]*file, len(files))
	for _, f := range files {
		groups[key(f)] = append(groups[key(f)], f)
	}
	return groups
}
