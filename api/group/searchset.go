package group

import (
	"github.com/gin-gonic/gin"

	"github.com/seed-90096f4d/sluice/api/endpoint"
)

// bundle returns the page as a FHIR Bundle, and the number of its entries. One more
// Group than the query's count means that another page follows.
func (p page) bundle(address string, query query) (bundle gin.H, size int) {
	size = min(len(p.ids), query.count)
	next := ""
	if p.cut || len(p.ids) > size {
		next = query.encode(p.ids[size-1])
	}
	found := make([]endpoint.Found, size)
	for i := range found {
		found[i] = endpoint.Found{ID: p.ids[i], Resource: p.resources[i]}
	}
	return endpoint.Searchset(address, query.encode(query.after), next, found), size
}
