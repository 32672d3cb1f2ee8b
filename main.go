// Command sluice exports FHIR resources out of PostgreSQL. Its code is in package cli and
// below.
package main

import (
	"os"

	"github.com/seed-90096f4d/sluice/cli"
)

func main() {
	os.Exit(cli.Main())
}
