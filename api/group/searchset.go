package group

import (
	"encoding/json"
	"net/url"
)

// searchset is a FHIR Bundle with a page of search results.
type searchset struct {
	ResourceType string  `json:"resourceType"`
	Type         string  `json:"type"`
	Link         []link  `json:"link"`
	Entry        []entry `json:"entry,omitempty"`
}

type link struct {
	Relation string `json:"relation"`
	URL      string `json:"url"`
}

type entry struct {
	FullURL  string            `json:"fullUrl"`
	Resource json.RawMessage   `json:"resource"`
	Search   map[string]string `json:"search"`
}

// bundle returns the page as a Bundle. One more Group than the query's count means
// that another page follows.
func (p page) bundle(address string, query query) searchset {
	size := min(len(p.ids), query.count)
	set := searchset{ResourceType: "Bundle", Type: "searchset", Link: []link{
		{"self", address + "?" + query.encode(query.after)},
	}}
	if p.cut || len(p.ids) > size {
		set.Link = append(set.Link, link{"next", address + "?" + query.encode(p.ids[size-1])})
	}
	for i := range size {
		set.Entry = append(set.Entry, entry{
			FullURL:  address + "/" + url.PathEscape(p.ids[i]),
			Resource: p.resources[i],
			Search:   map[string]string{"mode": "match"},
		})
	}
	return set
}
