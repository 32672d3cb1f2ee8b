package transfer

import (
	"fmt"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// originOf describes a response by its headers. Form is decided by the content.
func originOf(r *http.Response) Origin {
	o := Origin{Encoding: encodingOf(r), Size: max(r.ContentLength, 0), Opaque: isOpaque(r.Header.Get("Content-Type"))}
	etag, modified := r.Header.Get("ETag"), r.Header.Get("Last-Modified")
	switch {
	case strings.HasPrefix(etag, `"`):
		o.ETag = etag
	case etag == "" && isStrongDate(modified, r.Header.Get("Date")): // RFC 9110, section 13.1.5
		o.LastModified = modified
	}
	return o
}

// encodingOf returns the Content-Encoding in lower case; empty is identity.
func encodingOf(r *http.Response) string {
	encoding := strings.ToLower(strings.TrimSpace(strings.Join(r.Header.Values("Content-Encoding"), ",")))
	switch encoding {
	case "identity", "aws-chunked": // some stores return what an upload was marked with
		return ""
	case "x-gzip", "aws-chunked,gzip", "gzip,aws-chunked":
		return "gzip"
	}
	return encoding
}

// isStrongDate reports whether a Last-Modified is a strong validator: at least a second
// before the Date of the response (RFC 9110, section 8.8.2.2). A file that is written again
// within the same second has then the same date, but it was complete before.
func isStrongDate(modified, date string) bool {
	m, err := http.ParseTime(modified)
	if err != nil {
		return false
	}
	d, err := http.ParseTime(date)
	return err == nil && d.Sub(m) >= time.Second
}

// validator returns the value for If-Range. It is empty if the file cannot be continued.
func (o Origin) validator() string {
	if o.ETag != "" {
		return o.ETag
	}
	return o.LastModified
}

// differs reports whether a response is of another version of the file. Servers that ignore
// If-Range send a range of it.
func (o Origin) differs(r *http.Response) bool {
	etag, modified := r.Header.Get("ETag"), r.Header.Get("Last-Modified")
	return o.ETag != "" && etag != "" && etag != o.ETag ||
		o.LastModified != "" && modified != "" && modified != o.LastModified
}

// tableTypes are the media types of files that are not ndjson, such as views of SQL on FHIR.
// All others are taken for ndjson, since stores and servers label it in many ways, and a
// page of a proxy must not be taken for a file.
var tableTypes = []string{"text/csv", "application/csv", "application/parquet", "application/x-parquet", "application/vnd.apache."}

// isOpaque reports whether a Content-Type is not of ndjson.
func isOpaque(contentType string) bool {
	media, _, err := mime.ParseMediaType(contentType)
	if err != nil {
		return false
	}
	for _, prefix := range tableTypes {
		if strings.HasPrefix(media, prefix) {
			return true
		}
	}
	return false
}

// contentRange is a parsed Content-Range in bytes.
type contentRange struct {
	first, last int64
	size        int64 // 0 if it is not known
}

// parseContentRange parses "bytes first-last/size". The size may be *.
func parseContentRange(value string) (c contentRange, err error) {
	bad := fmt.Errorf("invalid Content-Range %q", value)
	unit, rest, _ := strings.Cut(strings.TrimSpace(value), " ")
	interval, size, sized := strings.Cut(rest, "/")
	first, last, ok := strings.Cut(interval, "-")
	if !strings.EqualFold(unit, "bytes") || !sized || !ok {
		return c, bad
	}
	if c.first, err = strconv.ParseInt(first, 10, 64); err != nil || c.first < 0 {
		return c, bad
	}
	if c.last, err = strconv.ParseInt(last, 10, 64); err != nil || c.last < c.first {
		return c, bad
	}
	if size == "*" {
		return c, nil
	}
	if c.size, err = strconv.ParseInt(size, 10, 64); err != nil || c.size <= c.last {
		return c, bad
	}
	return c, nil
}

// unsatisfiedSize returns the size in the Content-Range of a response 416: "bytes */size".
func unsatisfiedSize(value string) (int64, bool) {
	size, ok := strings.CutPrefix(strings.ToLower(strings.TrimSpace(value)), "bytes */")
	if !ok {
		return 0, false
	}
	n, err := strconv.ParseInt(size, 10, 64)
	return n, err == nil
}
