package load

import (
	"maps"
	"slices"
)

// Summary counts the files and resources that a load has committed.
type Summary struct {
	Files     int         // files loaded
	Resources int64       // resources in them
	Types     []TypeCount // resources by type, sorted by type
}

// TypeCount counts the resources of one type.
type TypeCount struct {
	Type      string
	Resources int64 // resources loaded
	Updated   int64 // those that replaced an older version
}

// tally counts resources while files are loaded.
type tally struct {
	files int
	types map[string]TypeCount
}

func (t *tally) add(resourceType string, resources, updated int64) {
	if t.types == nil {
		t.types = make(map[string]TypeCount)
	}
	count := t.types[resourceType]
	t.types[resourceType] = TypeCount{resourceType, count.Resources + resources, count.Updated + updated}
}

// merge adds the counts of a file that was committed.
func (t *tally) merge(file *tally) {
	t.files++
	for _, count := range file.types {
		t.add(count.Type, count.Resources, count.Updated)
	}
}

func (t *tally) summary() Summary {
	sum := Summary{Files: t.files}
	for _, resourceType := range slices.Sorted(maps.Keys(t.types)) {
		sum.Types = append(sum.Types, t.types[resourceType])
		sum.Resources += t.types[resourceType].Resources
	}
	return sum
}
