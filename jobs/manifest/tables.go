package manifest

import (
	"io"
	"time"

	"github.com/seed-90096f4d/sluice/jobs"
)

// parameter is a parameter of a Parameters resource, or a part of one. It has one value
// or parts.
type parameter struct {
	Name         string      `json:"name"`
	ValueString  string      `json:"valueString,omitempty"`
	ValueCode    string      `json:"valueCode,omitempty"`
	ValueURI     string      `json:"valueUri,omitempty"`
	ValueInstant string      `json:"valueInstant,omitempty"`
	ValueInteger *int64      `json:"valueInteger,omitempty"`
	Part         []parameter `json:"part,omitempty"`
}

// WriteTables writes the manifest of a completed export of tables: a Parameters resource
// with one output for each view, in the order of the request (SQL on FHIR 3.0.0-ballot,
// $sql-export). It adds two parameters that the specification does not define:
// transactionTime, the _since of a next export, and error, the files of
// OperationOutcomes. It writes each output as soon as its URLs are made.
func WriteTables(w io.Writer, export jobs.Export, files jobs.Files, opts Options) error {
	if _, err := io.WriteString(w, `{"resourceType":"Parameters","parameter":[`+"\n"); err != nil {
		return err
	}
	separator := ""
	write := func(p parameter) error {
		line, err := encode(p)
		if err == nil {
			_, err = w.Write(append([]byte(separator), line...))
		}
		separator = ",\n"
		return err
	}
	for _, p := range tablesHead(export, opts) {
		if err := write(p); err != nil {
			return err
		}
	}
	parts := map[string][]jobs.File{}
	for _, file := range files.Output {
		parts[file.Output] = append(parts[file.Output], file)
	}
	for _, view := range export.Request.Tables.Views {
		output := parameter{Name: "output", Part: []parameter{{Name: "name", ValueString: view.Name}}}
		if err := writeLocations(write, output, parts[view.Name], opts); err != nil {
			return err
		}
	}
	if len(files.Outcomes) > 0 {
		if err := writeLocations(write, parameter{Name: "error"}, files.Outcomes, opts); err != nil {
			return err
		}
	}
	_, err := io.WriteString(w, "\n]}\n")
	return err
}

// writeLocations writes the parameter with the locations of the files.
func writeLocations(write func(parameter) error, p parameter, files []jobs.File, opts Options) error {
	for _, file := range files {
		url, err := opts.URL(file)
		if err != nil {
			return err
		}
		p.Part = append(p.Part, parameter{Name: "location", ValueURI: url})
	}
	return write(p)
}

// tablesHead returns the parameters that precede the outputs.
func tablesHead(export jobs.Export, opts Options) []parameter {
	tables := export.Request.Tables
	head := []parameter{{Name: "exportId", ValueString: export.ID.String()}}
	if tables.TrackingID != "" {
		head = append(head, parameter{Name: "clientTrackingId", ValueString: tables.TrackingID})
	}
	head = append(head, parameter{Name: "status", ValueCode: "completed"}, parameter{Name: "_format", ValueCode: tables.Format})
	if opts.StatusURL != "" {
		head = append(head, parameter{Name: "location", ValueURI: opts.StatusURL})
	}
	seconds := int64(export.FinishedAt.Sub(export.CreatedAt) / time.Second)
	return append(head,
		instant("exportStartTime", export.CreatedAt),
		instant("exportEndTime", *export.FinishedAt),
		parameter{Name: "exportDuration", ValueInteger: &seconds},
		instant("transactionTime", *export.TransactionTime),
	)
}

func instant(name string, at time.Time) parameter {
	return parameter{Name: name, ValueInstant: at.UTC().Format(timeLayout)}
}
