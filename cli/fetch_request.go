package cli

import (
	"bufio"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/seed-90096f4d/sluice/fetch/remote"
)

// sinceAuto is the value of --since that continues a chain.
const sinceAuto = "auto"

// fetchRequest are the flags of what is exported.
type fetchRequest struct {
	Level      string   `placeholder:"LEVEL" enum:",system,patient,group" default:"" help:"Level of the export: system, patient or group. Default: group with --group, else system."`
	Group      string   `placeholder:"ID" help:"Id of the Group to export."`
	Type       []string `placeholder:"TYPE" help:"Resource types, separated by commas; repeatable. Default: all."`
	Since      string   `placeholder:"TIME" help:"Only resources changed after this time (2026-01-31T08:00:00Z) or date (2026-01-31, in UTC); auto continues after the last complete copy of the same request in OUT, and copies everything the first time."`
	Until      string   `placeholder:"TIME" help:"Only resources changed before this time or date."`
	TypeFilter []string `sep:"none" placeholder:"QUERY" help:"Search that resources of a type must match, such as Observation?status=final; repeatable."`
	Elements   []string `placeholder:"ELEMENT" help:"Elements to export, such as Patient.name, separated by commas; repeatable."`
	Patient    []string `placeholder:"ID" help:"Ids of patients, separated by commas; repeatable. @FILE reads them from a file, one on each line."`
	Include    []string `placeholder:"VALUE" help:"Associated data to include (includeAssociatedData); repeatable."`
	OrganizeBy string   `placeholder:"TYPE" help:"Resource type to organize files by (organizeOutputBy)."`
	Format     string   `placeholder:"FORMAT" help:"Format of the files (_outputFormat). Default: the one of the server, which is ndjson."`
	Partial    bool     `help:"Ask for partial manifests, to download files while the export runs."`
	Lenient    bool     `help:"Ask the server to ignore parameters that it does not support."`
	Param      []string `sep:"none" placeholder:"NAME=VALUE" help:"Another parameter of the request; repeatable."`
	Method     string   `default:"auto" enum:"auto,get,post" help:"Method of the kick-off: get, post, or auto (POST if the request requires it)."`
	NewMembers bool     `help:"With --since auto and --group, also copy everything of patients that joined the Group since the last copy."`
}

// Validate checks the flags.
func (f *fetchRequest) Validate() error {
	if f.Level == "" {
		f.Level = string(remote.System)
		if f.Group != "" {
			f.Level = string(remote.Group)
		}
	}
	switch {
	case (f.Group != "") != (f.Level == string(remote.Group)):
		return errors.New("--level group and --group ID must be set together")
	case len(f.Patient) > 0 && f.Level == string(remote.System):
		return errors.New("--patient requires --level patient or --group")
	case f.NewMembers && (f.Group == "" || f.Since != sinceAuto || len(f.Patient) > 0):
		return errors.New("--new-members requires --since auto and --group, and no --patient")
	case f.Since == sinceAuto && f.Until != "":
		return errors.New("--since auto cannot have an upper limit: leave out --until")
	}
	for _, t := range []struct {
		flag  string
		value *string
	}{{"--since", &f.Since}, {"--until", &f.Until}} {
		if err := parseInstant(t.flag, t.value); err != nil {
			return err
		}
	}
	params, err := f.params()
	if err != nil {
		return err
	}
	for _, limit := range []string{"_since", "_until"} {
		if f.Since == sinceAuto && params.Has(limit) {
			return errors.New("--since auto sets the limits itself: leave out --param " + limit)
		}
	}
	return nil
}

// parseInstant makes an instant of a date.
func parseInstant(flag string, value *string) error {
	if *value == "" || flag == "--since" && *value == sinceAuto {
		return nil
	}
	if day, err := time.Parse(time.DateOnly, *value); err == nil {
		*value = day.Format(time.RFC3339)
		return nil
	}
	if _, err := time.Parse(time.RFC3339, *value); err != nil {
		return fmt.Errorf("%s must be a time such as 2026-01-31T08:00:00Z or a date such as 2026-01-31, got %q", flag, *value)
	}
	return nil
}

// request returns the request.
func (f *fetchRequest) request() (remote.Request, error) {
	patients, err := readPatients(f.Patient)
	if err != nil {
		return remote.Request{}, err
	}
	params, err := f.params()
	if err != nil {
		return remote.Request{}, err
	}
	r := remote.Request{
		Level: remote.Level(f.Level), GroupID: f.Group, Types: f.Type, Since: f.Since, Until: f.Until,
		TypeFilters: f.TypeFilter, Elements: f.Elements, Patients: patients, Include: f.Include,
		OrganizeBy: f.OrganizeBy, Format: f.Format, Partial: f.Partial, Lenient: f.Lenient, Params: params,
	}
	if f.Since == sinceAuto {
		r.Since = ""
	}
	if f.Method != "auto" {
		r.Method = strings.ToUpper(f.Method)
	}
	return r, nil
}

// params returns the parameters of --param, or nil.
func (f *fetchRequest) params() (params url.Values, err error) {
	for _, p := range f.Param {
		name, value, found := strings.Cut(p, "=")
		if !found || name == "" {
			return nil, fmt.Errorf("--param must be NAME=VALUE, got %q", p)
		}
		if params == nil {
			params = url.Values{}
		}
		params.Add(name, value)
	}
	return params, nil
}

// readPatients replaces @FILE by the lines of the file.
func readPatients(values []string) (patients []string, err error) {
	for _, value := range values {
		name, isFile := strings.CutPrefix(value, "@")
		if !isFile {
			patients = append(patients, value)
			continue
		}
		if patients, err = appendLines(patients, name); err != nil {
			return nil, fmt.Errorf("--patient: %w", err)
		}
	}
	return patients, nil
}

// appendLines appends the lines of a file that are not empty.
func appendLines(list []string, name string) ([]string, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }() // it was only read
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		if line := strings.TrimSpace(lines.Text()); line != "" {
			list = append(list, line)
		}
	}
	return list, lines.Err()
}
