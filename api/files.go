package api

import (
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"path"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"
	"github.com/klauspost/compress/gzip"

	"github.com/seed-90096f4d/sluice/auth"
	"github.com/seed-90096f4d/sluice/jobs"
	"github.com/seed-90096f4d/sluice/storage"
)

const filesPath = "/fhir/$export-files/"

// gzipSuffix ends the names of gzip files.
const gzipSuffix = ".gz"

// fileURL is where a file can be had with the client's own credentials.
func (a *API) fileURL(c *gin.Context, export jobs.Export, file jobs.File) string {
	name := strings.TrimPrefix(file.ObjectKey, export.ID.String()+"/")
	if !export.Request.RawGzip {
		name = strings.TrimSuffix(name, gzipSuffix) // what curl -O saves is ndjson
	}
	return a.baseURL(c) + filesPath + export.ID.String() + "/" + (&url.URL{Path: name}).EscapedPath()
}

// file answers GET and HEAD /fhir/$export-files/<id>/<name> (Bulk Data 3.0.0,
// "Bulk Data Output File Request"): a file of a completed export, for the client
// whose export it is. It comes as it is stored, compressed, and in ranges; a
// client that does not unpack gzip gets it unpacked, and whole.
func (a *API) file(c *gin.Context, client auth.Client) error {
	export, err := a.ownExport(c, client)
	if err != nil {
		return err
	}
	if export.State == jobs.Expired || export.ExpiresAt != nil && export.ReadAt.After(*export.ExpiresAt) {
		return expired()
	}
	name := strings.TrimSuffix(strings.TrimPrefix(c.Param("name"), "/"), gzipSuffix)
	key := export.ID.String() + "/" + name + gzipSuffix
	file, err := a.config.Exports.File(c.Request.Context(), export.ID, key)
	if errors.Is(err, jobs.ErrNotFound) {
		return notFound("the export has no such file, or is not completed")
	}
	if err != nil {
		return unavailable(err)
	}
	stored, err := a.config.Bucket.Stat(c.Request.Context(), key)
	if err == nil && file.ETag != "" && (stored.ETag != file.ETag || stored.Size != file.Bytes) {
		err = storage.ErrNoObject // another object is there
	}
	if err != nil {
		return storeProblem(err)
	}

	form := formOf(export, file)
	unpack := form.encoding != "" && !acceptsGzip(c)
	if form.encoding != "" { // the client gets ndjson: from here, or by unpacking what it asked for
		form.name = strings.TrimSuffix(form.name, gzipSuffix)
	}
	if unpack {
		form.encoding = ""
	}
	tag := etag(file, stored, unpack)
	form.announce(c, tag)
	if matches(c.GetHeader("If-None-Match"), tag) {
		c.Status(http.StatusNotModified)
		return nil
	}
	if unpack {
		return a.sendUnpacked(c, stored)
	}
	return a.sendStored(c, stored, tag)
}

func storeProblem(err error) error {
	if errors.Is(err, storage.ErrNoObject) {
		return notFound("the object store no longer has this file, or has another in its place; start a new export")
	}
	return unavailable(err)
}

// form is how a file is shown to those who get it.
type form struct {
	contentType string
	encoding    string // Content-Encoding; "" if nothing is to be unpacked
	name        string // to save it as
}

// formOf returns how a link shows a file: as ndjson that HTTP unpacks, or as it
// is stored. The name is that of the bytes as they travel, which is what curl and
// wget save.
func formOf(export jobs.Export, file jobs.File) form {
	name := path.Base(file.ObjectKey)
	if export.Request.RawGzip {
		return form{contentType: "application/gzip", name: name}
	}
	return form{contentType: jobs.NDJSON, encoding: "gzip", name: name}
}

// announce sets the headers that the form and the tag of the file ask for.
func (f form) announce(c *gin.Context, tag string) {
	c.Header("Content-Type", f.contentType)
	c.Header("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": f.name}))
	if f.encoding != "" {
		c.Header("Content-Encoding", f.encoding)
	}
	c.Header("ETag", tag)
	c.Writer.Header().Add("Vary", "Accept-Encoding")
}

// etag names the bytes that the client gets: the hash of the stored ones, where
// it is known. Those unpacked from them are others.
func etag(file jobs.File, stored storage.Object, unpacked bool) string {
	tag := stored.ETag
	if len(file.SHA256) > 0 {
		tag = fmt.Sprintf("%x", file.SHA256)
	}
	if unpacked {
		tag += "-ndjson"
	}
	return strconv.Quote(tag)
}

// matches tells whether a header If-None-Match names the tag (RFC 9110, 13.1.2).
func matches(header, tag string) bool {
	for one := range strings.SplitSeq(header, ",") {
		one = strings.TrimPrefix(strings.TrimSpace(one), "W/")
		if one == "*" || one == tag {
			return true
		}
	}
	return false
}

// sendStored sends the stored bytes, or the range of them that is asked for.
func (a *API) sendStored(c *gin.Context, stored storage.Object, tag string) error {
	c.Header("Accept-Ranges", "bytes")
	part, status := byteRange{0, stored.Size}, http.StatusOK
	if condition := c.GetHeader("If-Range"); condition == "" || condition == tag {
		r, ok, beyond := parseRange(c.GetHeader("Range"), stored.Size)
		if beyond {
			return beyondEnd(c, stored.Size)
		}
		if ok {
			part, status = r, http.StatusPartialContent
			c.Header("Content-Range", fmt.Sprintf("bytes %d-%d/%d", r.offset, r.offset+r.length-1, stored.Size))
		}
	}
	c.Header("Content-Length", strconv.FormatInt(part.length, 10))
	if c.Request.Method == http.MethodHead {
		c.Status(status)
		return nil
	}
	body, err := a.config.Bucket.Read(c.Request.Context(), stored, part.offset, part.length)
	if err != nil {
		return storeProblem(err)
	}
	defer func() { _ = body.Close() }()
	c.Status(status)
	return a.send(c, body)
}

// beyondEnd refuses a range that the file does not have.
func beyondEnd(c *gin.Context, size int64) error {
	c.Header("Content-Range", fmt.Sprintf("bytes */%d", size))
	return &problem{
		status: http.StatusRequestedRangeNotSatisfiable, code: "invalid",
		text: fmt.Sprintf("the file has %d bytes, and the range begins behind them", size),
	}
}

// sendUnpacked sends the lines themselves. Their length is not known, and
// ranges of them are not given.
func (a *API) sendUnpacked(c *gin.Context, stored storage.Object) error {
	if !c.Request.ProtoAtLeast(1, 1) {
		return oldProtocol(c)
	}
	c.Header("Accept-Ranges", "none")
	if c.Request.Method == http.MethodHead {
		c.Status(http.StatusOK)
		return nil
	}
	body, err := a.config.Bucket.Read(c.Request.Context(), stored, 0, 0)
	if err != nil {
		return storeProblem(err)
	}
	defer func() { _ = body.Close() }()
	lines, err := gzip.NewReader(body)
	if err != nil {
		return unavailable(err)
	}
	c.Status(http.StatusOK)
	return a.send(c, lines)
}

// send copies the body into the answer. What goes wrong then cuts the
// connection, so that no client takes a part for the whole.
func (a *API) send(c *gin.Context, body io.Reader) error {
	to := &pieces{api: a, context: c}
	if _, err := to.begin(); err != nil {
		return err
	}
	c.Writer.WriteHeaderNow()
	_, err := io.CopyBuffer(to, body, make([]byte, pieceSize))
	return to.outcome(err)
}
