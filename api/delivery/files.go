package delivery

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/klauspost/compress/gzip"

	"github.com/seed-90096f4d/sluice/api/endpoint"
	"github.com/seed-90096f4d/sluice/api/problem"
	"github.com/seed-90096f4d/sluice/jobs"
	"github.com/seed-90096f4d/sluice/storage"
	"github.com/seed-90096f4d/sluice/table"
)

// gzipSuffix is the extension of gzip files.
const gzipSuffix = ".gz"

// link returns the URL of a file for a manifest: a link that the object store answers
// without credentials for a while, or a URL of Sluice.
func (e *Exports) link(call *endpoint.Call, export jobs.Export, file jobs.File, life time.Duration) (string, error) {
	if e.config.ProxyFiles {
		return fileURL(call.BaseURL, export, file), nil
	}
	form := formOf(export, file)
	form.Expires = life
	return e.config.Bucket.Link(call.Ctx(), file.ObjectKey, form)
}

// fileURL returns the URL of a file on Sluice, which requires the client's
// credentials.
func fileURL(baseURL string, export jobs.Export, file jobs.File) string {
	name := strings.TrimPrefix(file.ObjectKey, export.ID.String()+"/")
	if !export.Request.RawGzip {
		name = strings.TrimSuffix(name, gzipSuffix) // HTTP clients decompress it
	}
	return baseURL + FilesPath + export.ID.String() + "/" + (&url.URL{Path: name}).EscapedPath()
}

// File answers GET and HEAD /fhir/$export-files/<id>/<name> (Bulk Data 3.0.0, "Bulk
// Data Output File Request"): a file of a completed export of the client. It is sent
// as it is stored, compressed, also in ranges; a client that does not accept gzip
// gets it decompressed, without ranges.
func (e *Exports) File(call *endpoint.Call) error {
	export, err := e.own(call)
	if err != nil {
		return err
	}
	if export.State == jobs.Expired || export.ExpiresAt != nil && export.ReadAt.After(*export.ExpiresAt) {
		return Expired()
	}
	name := storedName(strings.TrimPrefix(call.Param("name"), "/"))
	file, stored, err := e.findFile(call, export, export.ID.String()+"/"+name)
	if err != nil {
		return err
	}

	form := formOf(export, file)
	unpack := form.ContentEncoding != "" && !endpoint.AcceptsGzip(call.Context)
	if form.ContentEncoding != "" { // the client saves the decompressed bytes
		form.FileName = strings.TrimSuffix(form.FileName, gzipSuffix)
	}
	if unpack {
		form.ContentEncoding = ""
	}
	tag := etag(file, unpack)
	setHeader(call, form, tag)
	if matches(call.GetHeader("If-None-Match"), tag) {
		call.Status(http.StatusNotModified)
		return nil
	}
	if unpack {
		return e.sendUnpacked(call, stored)
	}
	return e.sendStored(call, stored, tag)
}

// storedName returns the name of the object of a file: all but Parquet are stored as
// gzip, and requested with or without its extension.
func storedName(name string) string {
	if strings.HasSuffix(name, table.Parquet.Extension()) {
		return name
	}
	return strings.TrimSuffix(name, gzipSuffix) + gzipSuffix
}

// findFile returns a file of the export and its object, which must be the one that
// the export has written.
func (e *Exports) findFile(call *endpoint.Call, export jobs.Export, key string) (file jobs.File, stored storage.Object, err error) {
	file, err = e.config.Store.File(call.Ctx(), export.ID, key)
	if errors.Is(err, jobs.ErrNotFound) {
		return file, stored, problem.NotFound("the export has no such file, or is not completed")
	}
	if err != nil {
		return file, stored, problem.Unavailable(err)
	}
	stored, err = e.config.Bucket.Stat(call.Ctx(), key)
	if err == nil && (stored.ETag != file.ETag || stored.Size != file.Bytes) {
		err = storage.ErrNoObject // it was replaced
	}
	if err != nil {
		return file, stored, storeProblem(err)
	}
	return file, stored, nil
}

func storeProblem(err error) error {
	if errors.Is(err, storage.ErrNoObject) {
		return problem.NotFound("the file was deleted from or replaced in the object store; start a new export")
	}
	return problem.Unavailable(err)
}

// formOf returns how a file behind a link is presented to a client: with a content
// encoding, or as gzip. The name is that of the transmitted bytes, which curl and wget
// save.
func formOf(export jobs.Export, file jobs.File) storage.LinkOptions {
	name := path.Base(file.ObjectKey)
	switch {
	case export.Request.RawGzip:
		return storage.LinkOptions{ContentType: "application/gzip", FileName: name}
	case file.Output != "":
		return tableForm(table.Format(export.Request.Tables.Format), name)
	}
	return storage.LinkOptions{ContentType: jobs.NDJSON, ContentEncoding: "gzip", FileName: name}
}

// firstNumber is the number in the names of the first file of an output. It is left out:
// most outputs have one file.
const firstNumber = ".0001."

// tableForm is formOf for a file of an output.
func tableForm(format table.Format, name string) storage.LinkOptions {
	form := storage.LinkOptions{ContentType: format.ContentType(), FileName: strings.Replace(name, firstNumber, ".", 1)}
	if strings.HasSuffix(name, gzipSuffix) {
		form.ContentEncoding = "gzip"
	}
	return form
}

func setHeader(call *endpoint.Call, form storage.LinkOptions, tag string) {
	call.Header("Content-Type", form.ContentType)
	call.Header("Content-Disposition", mime.FormatMediaType("attachment", map[string]string{"filename": form.FileName}))
	call.Header("Content-Encoding", form.ContentEncoding) // empty removes it
	call.Header("ETag", tag)
	call.Writer.Header().Add("Vary", "Accept-Encoding")
}

// etag returns the entity tag of the bytes that the client gets: the hash of the
// stored ones. Decompressed bytes have another tag.
func etag(file jobs.File, unpacked bool) string {
	tag := hex.EncodeToString(file.SHA256)
	if unpacked {
		tag += "-ndjson"
	}
	return strconv.Quote(tag)
}

// matches reports whether a header If-None-Match contains the tag (RFC 9110,
// 13.1.2).
func matches(header, tag string) bool {
	for member := range strings.SplitSeq(header, ",") {
		member = strings.TrimPrefix(strings.TrimSpace(member), "W/")
		if member == "*" || member == tag {
			return true
		}
	}
	return false
}

func (e *Exports) sendStored(call *endpoint.Call, stored storage.Object, tag string) error {
	call.Header("Accept-Ranges", "bytes")
	part, status := byteRange{0, stored.Size}, http.StatusOK
	if condition := call.GetHeader("If-Range"); condition == "" || condition == tag {
		r, ok := parseRange(call.GetHeader("Range"), stored.Size)
		if ok && r.length == 0 {
			return rangeNotSatisfiable(call, stored.Size)
		}
		if ok {
			part, status = r, http.StatusPartialContent
			call.Header("Content-Range", fmt.Sprintf("bytes %d-%d/%d", r.offset, r.offset+r.length-1, stored.Size))
		}
	}
	call.Header("Content-Length", strconv.FormatInt(part.length, 10))
	if call.Request.Method == http.MethodHead {
		call.Status(status)
		return nil
	}
	err := e.copyRange(call, stored, part, status)
	e.metrics.count(call, err)
	return err
}

// copyRange sends a range of the object.
func (e *Exports) copyRange(call *endpoint.Call, stored storage.Object, part byteRange, status int) error {
	body, err := e.config.Bucket.Read(call.Ctx(), stored, part.offset, part.length)
	if err != nil {
		return storeProblem(err)
	}
	defer func() { _ = body.Close() }()
	call.Status(status)
	return send(call, body)
}

func rangeNotSatisfiable(call *endpoint.Call, size int64) error {
	call.Header("Content-Range", fmt.Sprintf("bytes */%d", size))
	return &problem.Problem{
		Status: http.StatusRequestedRangeNotSatisfiable, Code: "invalid",
		Text: fmt.Sprintf("range not satisfiable: the file has %d bytes", size),
	}
}

// sendUnpacked sends the decompressed bytes. Their number is unknown, and ranges
// of them are not supported.
func (e *Exports) sendUnpacked(call *endpoint.Call, stored storage.Object) error {
	if !call.Request.ProtoAtLeast(1, 1) {
		return problem.UpgradeRequired()
	}
	call.Header("Accept-Ranges", "none")
	if call.Request.Method == http.MethodHead {
		call.Status(http.StatusOK)
		return nil
	}
	err := e.copyUnpacked(call, stored)
	e.metrics.count(call, err)
	return err
}

// copyUnpacked sends the decompressed bytes of the object.
func (e *Exports) copyUnpacked(call *endpoint.Call, stored storage.Object) error {
	body, err := e.config.Bucket.Read(call.Ctx(), stored, 0, 0)
	if err != nil {
		return storeProblem(err)
	}
	defer func() { _ = body.Close() }()
	lines, err := gzip.NewReader(body)
	if err != nil {
		return problem.Unavailable(err)
	}
	call.Status(http.StatusOK)
	return send(call, lines)
}

// send copies the body into the response. A failure cuts the connection, so that no
// client takes a truncated file for a complete one.
func send(call *endpoint.Call, body io.Reader) error {
	to := endpoint.NewStream(call)
	if err := to.Begin(); err != nil {
		return err
	}
	call.Writer.WriteHeaderNow()
	_, err := io.CopyBuffer(to, body, make([]byte, endpoint.BufferSize))
	return to.Result(err)
}
