package api

import (
	"encoding/json"
	"net/url"
	"strconv"
)

// searchset is a FHIR Bundle of what a search has found.
type searchset struct {
	ResourceType string           `json:"resourceType"`
	Type         string           `json:"type"`
	Link         []searchsetLink  `json:"link"`
	Entry        []searchsetEntry `json:"entry,omitempty"`
}

type searchsetLink struct {
	Relation string `json:"relation"`
	URL      string `json:"url"`
}

type searchsetEntry struct {
	FullURL  string            `json:"fullUrl"`
	Resource json.RawMessage   `json:"resource"`
	Search   map[string]string `json:"search"`
}

// bundle makes a page of what was found, which is one more than belongs to it if
// another page follows.
func (f foundGroups) bundle(address string, query groupQuery) searchset {
	page := min(len(f.ids), query.count)
	set := searchset{ResourceType: "Bundle", Type: "searchset", Link: []searchsetLink{
		{"self", address + "?" + query.encode(query.after)},
	}}
	if f.more || len(f.ids) > page {
		set.Link = append(set.Link, searchsetLink{"next", address + "?" + query.encode(f.ids[page-1])})
	}
	for i := range page {
		set.Entry = append(set.Entry, searchsetEntry{
			FullURL:  address + "/" + url.PathEscape(f.ids[i]),
			Resource: f.resources[i],
			Search:   map[string]string{"mode": "match"},
		})
	}
	return set
}

// encode writes the query of the page behind an id.
func (q groupQuery) encode(after string) string {
	values := url.Values{"_count": {strconv.Itoa(q.count)}}
	for name, criteria := range q.criteria {
		values[name] = criteria
	}
	if after != "" {
		values.Set("_after", after)
	}
	return values.Encode()
}
