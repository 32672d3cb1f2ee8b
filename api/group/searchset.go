package group

import (
	"net/url"

	"github.com/gin-gonic/gin"
)

// bundle returns the page as a FHIR Bundle, and the number of its entries. One more
// Group than the query's count means that another page follows.
func (p page) bundle(address string, query query) (bundle gin.H, size int) {
	size = min(len(p.ids), query.count)
	links := []gin.H{{"relation": "self", "url": address + "?" + query.encode(query.after)}}
	if p.cut || len(p.ids) > size {
		links = append(links, gin.H{"relation": "next", "url": address + "?" + query.encode(p.ids[size-1])})
	}
	bundle = gin.H{"resourceType": "Bundle", "type": "searchset", "link": links}
	var entries []gin.H
	for i := range size {
		entries = append(entries, gin.H{
			"fullUrl":  address + "/" + url.PathEscape(p.ids[i]),
			"resource": p.resources[i],
			"search":   gin.H{"mode": "match"},
		})
	}
	if len(entries) > 0 {
		bundle["entry"] = entries
	}
	return bundle, size
}
