package delivery

import (
	"bufio"
	"io"
	"time"

	"github.com/seed-90096f4d/sluice/api/endpoint"
	"github.com/seed-90096f4d/sluice/audit"
	"github.com/seed-90096f4d/sluice/jobs"
)

// SendManifest sends what write writes as the manifest of an export, while its links are
// signed, which takes seconds if they are many. link returns the URL of a file, which is
// valid for the given life. If the first link cannot be signed, the response is an error;
// if a later one cannot, the response is cut off.
func (e *Exports) SendManifest(call *endpoint.Call, export jobs.Export, files jobs.Files, life time.Duration,
	write func(w io.Writer, link func(jobs.File) (string, error)) error,
) error {
	call.Event.Action, call.Event.Omit = audit.Manifest, false
	call.Event.Types, call.Event.Resources = export.Request.Types, files.Resources()
	body := endpoint.NewStream(call)
	buffered := bufio.NewWriterSize(body, endpoint.BufferSize)
	err := write(buffered, func(file jobs.File) (string, error) {
		if err := call.Ctx().Err(); err != nil {
			return "", err
		}
		return e.link(call, export, file, life)
	})
	if err == nil {
		err = buffered.Flush()
	}
	return body.Result(err)
}
