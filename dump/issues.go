package dump

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/seed-90096f4d/sluice/ndjson"
	"github.com/seed-90096f4d/sluice/source/catalog"
)

// issues are the problems of resources, summed up by type. The zero value is empty.
type issues struct {
	mu     sync.Mutex
	byType map[string]*typeIssues
}

// typeIssues are the problems of the resources of a type.
type typeIssues struct {
	kept, omitted, offloaded int
	first                    ndjson.Issue // of kept and omitted
}

func (i *issues) add(issue ndjson.Issue) {
	i.mu.Lock()
	defer i.mu.Unlock()
	t := i.byType[issue.ResourceType]
	if t == nil {
		if i.byType == nil {
			i.byType = map[string]*typeIssues{}
		}
		t = &typeIssues{}
		i.byType[issue.ResourceType] = t
	}
	if issue.Offloaded > 0 {
		t.offloaded += issue.Offloaded
		return
	}
	if t.kept+t.omitted == 0 {
		t.first = issue
	}
	if issue.Omitted {
		t.omitted++
	} else {
		t.kept++
	}
}

// report warns of the problems of each type.
func (i *issues) report(warn func(string)) {
	for _, resourceType := range slices.Sorted(maps.Keys(i.byType)) {
		t := i.byType[resourceType]
		if t.kept > 0 {
			warn(fmt.Sprintf("%s: %d values could not be converted to FHIR and are written as they are stored%s", resourceType, t.kept, t.example()))
		}
		if t.omitted > 0 {
			warn(fmt.Sprintf("%s: %d rows are not resources and are left out%s", resourceType, t.omitted, t.example()))
		}
		if t.offloaded > 0 {
			warn(fmt.Sprintf("%s: values stored outside of the database: %d; they are written as pointers", resourceType, t.offloaded))
		}
	}
}

// example describes the first problem.
func (t *typeIssues) example() string {
	return fmt.Sprintf(", first %s of %s/%s: %s", t.first.Path, t.first.ResourceType, t.first.ID, t.first.Reason)
}

// otherTypesText warns that rows name other types than the table's.
func otherTypesText(t catalog.Table, others []string) string {
	return fmt.Sprintf("some rows of table %s name other resource types (%s); all of its rows are written as %s",
		t.Name, strings.Join(others, ", "), t.Type)
}
