package main

import (
	"strings"

	"github.com/seed-90096f4d/sluice/dev/product"
	"github.com/seed-90096f4d/sluice/dev/stand"
)

// hintText is the output of make run. Every command in it works when pasted into a shell
// that has curl (and psql for the last one).
const hintText = `
Sluice serves on BASE (client CLIENT, secret SECRET).

All resources as files, by an export of the API, verified (docs/fetch.md):

  rm -rf /tmp/sluice-fetch
  SLUICE_FETCH_SECRET=SECRET PROGRAM fetch BASE/fhir -o /tmp/sluice-fetch --client-id CLIENT
  ls -l /tmp/sluice-fetch

The same directly from the database, without the API: to standard output, and as files
(docs/dump.md):

  export SLUICE_SOURCE_URL='DATABASE'
  PROGRAM dump Patient | head -n 3
  rm -rf /tmp/sluice-dump
  PROGRAM dump --all -o /tmp/sluice-dump --fhir --gzip --jobs 2
  ls -l /tmp/sluice-dump

With curl, a whole resource type, streamed while the database reads it; in FHIR format;
compressed; only resources created since a time:

  curl -s -u CLIENT:SECRET 'BASE/Patient/$dump' | head -n 3
  curl -s -u CLIENT:SECRET 'BASE/Patient/$dump?fhir=true' | head -n 3
  curl -s -u CLIENT:SECRET 'BASE/Observation/$dump?gzip=true' | gzip -d | wc -l
  curl -s -u CLIENT:SECRET 'BASE/Observation/$dump?_since=2025-07-01' | wc -l

One type as files in S3, written by the workers (the response has the status URL):

  curl -si -u CLIENT:SECRET -H 'Prefer: respond-async' 'BASE/Patient/$dump?fhir=true'

An export by the FHIR Bulk Data specification with curl: kick off, poll, download. It
stops and prints the reason at any status but 202 and 200:

  mkdir -p /tmp/sluice-export
  (
    set -e; cd /tmp/sluice-export
    kick_off=$(curl -sS -o answer.json -D headers -w '%{http_code}' -u CLIENT:SECRET \
      -H 'Accept: application/fhir+json' -H 'Prefer: respond-async' 'BASE/fhir/$export')
    [ "$kick_off" = 202 ] || { cat answer.json; exit 1; }
    status=$(tr -d '\r' < headers | sed -n 's/^[Cc]ontent-[Ll]ocation: //p')
    while code=$(curl -sS -o manifest.json -w '%{http_code}' -u CLIENT:SECRET "$status"); [ "$code" = 202 ]; do sleep 1; done
    [ "$code" = 200 ] || { cat manifest.json; exit 1; }
    grep -o '"url": *"[^"]*"' manifest.json | cut -d '"' -f 4 > links
    while read -r url; do file=${url%%\?*}; file=${file##*/}; curl -sSf --compressed "$url" -o "${file%.gz}"; done < links
  )
  wc -l /tmp/sluice-export/*.ndjson

Tables instead of resources (docs/tables.md): a view as CSV, streamed, and three views as
Parquet files, of one state of the database:

  curl -s -u CLIENT:SECRET 'BASE/fhir/$sql-run?subjectReference=ViewDefinition/blood-pressure&_format=csv' | head -n 3

  mkdir -p /tmp/sluice-tables
  (
    set -e; cd /tmp/sluice-tables
    subject() { printf ',{"name":"subject","part":[{"name":"subjectReference","valueReference":{"reference":"ViewDefinition/%s"}}]}' "$@"; }
    kick_off=$(curl -sS -o answer.json -D headers -w '%{http_code}' -u CLIENT:SECRET \
      -H 'Content-Type: application/fhir+json' -H 'Prefer: respond-async' 'BASE/fhir/$sql-export' \
      -d '{"resourceType":"Parameters","parameter":[{"name":"_format","valueCode":"parquet"}'"$(subject patient-demographics blood-pressure encounters)"']}')
    [ "$kick_off" = 202 ] || { cat answer.json; exit 1; }
    status=$(tr -d '\r' < headers | sed -n 's/^[Cc]ontent-[Ll]ocation: //p')
    while code=$(curl -sS -o answer.json -w '%{http_code}' -u CLIENT:SECRET "$status"); [ "$code" = 202 ]; do sleep 1; done
    code=$(curl -sSL -o result.json -w '%{http_code}' -u CLIENT:SECRET "$status")
    [ "$code" = 200 ] || { cat result.json; exit 1; }
    grep -o 'http[^"]*[.]parquet[^"]*' result.json > links
    while read -r url; do file=${url%%\?*}; curl -sSf "$url" -o "${file##*/}"; done < links
  )
  ls -l /tmp/sluice-tables/*.parquet

In a database of your own, a superuser runs this once to make reading fast; this one has it:
` + stand.CastSQL + `

The database, and the bucket:

  psql 'DATABASE'
  S3

Logs: LOG. Ctrl-C stops everything; the data stays in DIR.
`

// hints inserts the addresses of the running stand and the path of the program.
func hints(s *stand.Stand, service *product.Service, program string) string {
	return strings.NewReplacer(
		"SLUICE_FETCH_SECRET", "SLUICE_FETCH_SECRET", // contains SECRET
		"PROGRAM", program,
		"BASE", service.URL,
		"CLIENT", clientID,
		"SECRET", clientSecret,
		"DATABASE", s.DatabaseURL(),
		"S3\n", s.S3URL()+"\n",
		"LOG", service.Log,
		"DIR", s.Dir,
	).Replace(hintText)
}
