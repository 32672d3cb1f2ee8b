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
	Resources int64
}

// summary returns what the load has committed.
func (l *loader) summary() Summary {
	sum := Summary{Files: l.files}
	for _, resourceType := range slices.Sorted(maps.Keys(l.resources)) {
		count := l.resources[resourceType]
		sum.Types = append(sum.Types, TypeCount{resourceType, count})
		sum.Resources += count
	}
	return sum
}
