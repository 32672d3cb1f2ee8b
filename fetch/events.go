package fetch

import (
	"context"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/seed-90096f4d/sluice/fetch/exportlog"
	"github.com/seed-90096f4d/sluice/fetch/output"
	"github.com/seed-90096f4d/sluice/fetch/quote"
	"github.com/seed-90096f4d/sluice/fetch/remote"
)

// maxPending limits the events before the first page of a manifest, of which only the
// progress can be frequent.
const maxPending = 1000

// events reports what happens and writes it to the log. The folder of the log is known
// with the first page of a manifest; until then events are part of the state.
type events struct {
	output   output.Output
	reporter Reporter
	journal  *journal

	mu  sync.Mutex
	log *exportlog.Log
}

// emit reports an event.
func (e *events) emit(name string, details map[string]any, text string) {
	event := Event{Name: name, Time: time.Now().UTC(), Details: details, Text: quote.Queries(text)}
	e.journal.read(func(s *state) { event.ExportID = s.ExportID })
	e.reporter.Report(event)
	if name == EventWarning || e.output.Sequential() {
		return
	}
	entry := exportlog.Entry{ExportID: event.ExportID, Timestamp: event.Time, Event: name, Details: details}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.log != nil {
		if name != EventExportComplete || e.log.Restored != name { // else the process was killed after it
			e.log.Write(entry)
		}
		return
	}
	e.journal.update(func(s *state) {
		if len(s.Pending) < maxPending {
			s.Pending = append(s.Pending, entry)
		}
	})
}

// warn reports something that people should know.
func (e *events) warn(format string, args ...any) {
	e.emit(EventWarning, nil, fmt.Sprintf(format, args...))
}

// warn reports something that people should know, before there is a state.
func (o *Options) warn(text string) {
	o.Reporter.Report(Event{Name: EventWarning, Time: time.Now().UTC(), Text: text})
}

// open opens the log and writes the events that have no log yet.
func (e *events) open(ctx context.Context, folder string, resumed bool) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.log != nil || e.output.Sequential() {
		return nil
	}
	log, err := exportlog.Open(ctx, e.output, folder+logName, resumed)
	if err != nil {
		return fail(Local, "%w", err)
	}
	e.log = log
	e.journal.update(func(s *state) {
		log.Write(s.Pending...)
		s.Pending = nil
	})
	return nil
}

// close publishes the log.
func (e *events) close(ctx context.Context) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.log == nil {
		return nil
	}
	if err := e.log.Close(ctx); err != nil {
		return fail(Local, "store %s: %w", logName, err)
	}
	e.log = nil
	return nil
}

// failure returns the details of an event about an error.
func failure(err error) map[string]any {
	return map[string]any{"body": nil, "code": nil, "message": quote.Queries(err.Error()), "responseHeaders": nil}
}

// kickOffDetails returns the details of a kick-off. The format excludes ids of patients.
func kickOffDetails(base string, request remote.Request, software remote.Software, err error) map[string]any {
	details := map[string]any{
		"exportUrl": exportURL(base, request), "requestParameters": requestParameters(request),
		"softwareName": known(software.Name), "softwareVersion": known(software.Version),
		"softwareReleaseDate": known(software.ReleaseDate), "fhirVersion": known(software.FHIRVersion),
		"errorCode": nil, "errorBody": nil, "responseHeaders": nil,
	}
	if err != nil {
		details["errorBody"] = quote.Queries(err.Error())
	}
	return details
}

// known returns a value, or nil if it is empty.
func known(value string) any {
	if value == "" {
		return nil
	}
	return value
}

// exportURL returns the URL of the operation.
func exportURL(base string, request remote.Request) string {
	switch request.Level {
	case remote.Patient:
		return base + "/Patient/$export"
	case remote.Group:
		return base + "/Group/" + url.PathEscape(request.GroupID) + "/$export"
	case remote.System:
	}
	return base + "/$export"
}

// requestParameters returns the parameters of a request but the patients.
func requestParameters(request remote.Request) map[string]string {
	parameters := map[string]string{}
	set := func(name string, values ...string) {
		if text := strings.Join(values, ","); text != "" {
			parameters[name] = text
		}
	}
	set("_type", request.Types...)
	set("_since", request.Since)
	set("_until", request.Until)
	set("_typeFilter", request.TypeFilters...)
	set("_elements", request.Elements...)
	set("includeAssociatedData", request.Include...)
	set("organizeOutputBy", request.OrganizeBy)
	set("_outputFormat", request.Format)
	if request.Partial {
		set("allowPartialManifests", strconv.FormatBool(true))
	}
	for name, values := range request.Params {
		set(name, values...)
	}
	return parameters
}
