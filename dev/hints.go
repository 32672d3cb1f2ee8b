package main

import (
	"strings"

	"github.com/seed-90096f4d/sluice/dev/stand"
)

// hintText is what make run prints; every command in it works when pasted into
// a shell that has curl (and psql for the one that says so).
const hintText = `
Sluice serves on BASE (client CLIENT, secret SECRET).

A whole resource type, streamed while the database reads it:

  curl -s -u CLIENT:SECRET 'BASE/Patient/$dump' | head -n 3

The same in FHIR format; compressed on the way; only what was created since:

  curl -s -u CLIENT:SECRET 'BASE/Patient/$dump?fhir=true' | head -n 3
  curl -s -u CLIENT:SECRET 'BASE/Observation/$dump?gzip=true' | gzip -d | wc -l
  curl -s -u CLIENT:SECRET 'BASE/Observation/$dump?_since=2025-07-01' | wc -l

One type as files in S3, made by the workers (the answer names the status URL):

  curl -si -u CLIENT:SECRET -H 'Prefer: respond-async' 'BASE/Patient/$dump?fhir=true'

Everything as the FHIR Bulk Data specification has it: kick off, poll, download.
It stops, and says why, at any answer but 202 and 200:

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

The database, and the bucket:

  psql 'DATABASE'
  S3

Logs: LOG. Ctrl-C stops everything; the data stay in DIR.
`

// hints fills the running stand's addresses in.
func hints(base string, place *stand.Stand, log string) string {
	return strings.NewReplacer(
		"BASE", base,
		"CLIENT", clientID,
		"SECRET", clientSecret,
		"DATABASE", place.DatabaseURL(),
		"S3\n", place.S3URL()+"\n",
		"LOG", log,
		"DIR", place.Dir,
	).Replace(hintText)
}
