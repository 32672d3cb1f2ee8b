package endpoint

import (
	"net/url"

	"github.com/gin-gonic/gin"
)

// Found is a resource that a search has found.
type Found struct {
	ID       string
	Resource any
}

// Searchset returns a page of a search as a FHIR Bundle. address is the URL of the resource
// type. self is the query of the page, and next that of the page that follows; it is empty
// if none does.
func Searchset(address, self, next string, found []Found) gin.H {
	links := []gin.H{{"relation": "self", "url": address + "?" + self}}
	if next != "" {
		links = append(links, gin.H{"relation": "next", "url": address + "?" + next})
	}
	bundle := gin.H{"resourceType": "Bundle", "type": "searchset", "link": links}
	var entries []gin.H
	for _, f := range found {
		entries = append(entries, gin.H{
			"fullUrl":  address + "/" + url.PathEscape(f.ID),
			"resource": f.Resource,
			"search":   gin.H{"mode": "match"},
		})
	}
	if len(entries) > 0 { // an empty array is not FHIR
		bundle["entry"] = entries
	}
	return bundle
}
