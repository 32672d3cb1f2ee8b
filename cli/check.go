package cli

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/seed-90096f4d/sluice/auth"
	"github.com/seed-90096f4d/sluice/cli/check"
	"github.com/seed-90096f4d/sluice/fhir"
	"github.com/seed-90096f4d/sluice/ndjson"
)

type checkCommand struct {
	locationSettings
	exportFormat
}

// ExitWarnings is the exit code of sluice check if everything works, but something less
// well than it could.
const ExitWarnings = 3

// Help explains the exit codes.
func (checkCommand) Help() string {
	return `Nothing is changed. The SQL statements that are printed can be run in psql, with a role
that may do so. Use the settings of the processes, above all the same roles.

Exit codes: 0 everything is fine, 1 something does not work, 2 wrong arguments,
3 only warnings.`
}

// checkError ends the command with a code. Its findings are printed already.
type checkError struct {
	text string
	code int
}

func (e *checkError) Error() string { return e.text }

// ExitCode implements kong.ExitCoder.
func (e *checkError) ExitCode() int { return e.code }

// Run examines everything, and prints what it has found.
func (cmd *checkCommand) Run(ctx context.Context, out *output) error {
	findings := cmd.examine(ctx)
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := cmd.print(out.stdout, findings); err != nil {
		return err
	}
	count := map[check.Level]int{}
	for _, finding := range findings {
		count[finding.Level]++
	}
	switch failures, warnings := count[check.Failure], count[check.Warning]; {
	case failures > 0:
		return &checkError{fmt.Sprintf("%s, %s", counted(int64(failures), "failure"), counted(int64(warnings), "warning")), ExitFailed}
	case warnings > 0:
		return &checkError{counted(int64(warnings), "warning"), ExitWarnings}
	}
	return nil
}

// examine returns all findings: what cannot be opened does not keep the rest from being
// examined.
func (cmd *checkCommand) examine(ctx context.Context) (findings []check.Finding) {
	state, err := cmd.stateSettings.open(ctx, nil)
	if err != nil {
		findings = append(findings, check.Failed(check.StateDatabase, err))
	} else {
		defer state.Close()
		findings = append(findings, check.State(ctx, state))
	}
	migrated := err == nil && findings[0].Level == check.OK
	findings = append(findings, cmd.examineSource(ctx, state, migrated)...)
	bucket, err := cmd.open(nil)
	if err != nil {
		return append(findings, check.Failed(check.ObjectStore, err))
	}
	defer bucket.Close()
	return append(findings, check.Bucket(ctx, bucket))
}

// examineSource examines the source database and, if the state database is migrated, the
// clients.
func (cmd *checkCommand) examineSource(ctx context.Context, state *pgxpool.Pool, migrated bool) []check.Finding {
	from, err := cmd.sourceSettings.open(ctx, nil, 1, 0, nil)
	if err != nil {
		return []check.Finding{check.Failed(check.SourceDatabase, err)}
	}
	defer from.Close()
	var clients []auth.Client
	if migrated {
		if clients, err = auth.NewClients(state).List(ctx); err != nil {
			return []check.Finding{check.Failed(check.StateDatabase, err)}
		}
	}
	survey := check.Source(ctx, from, cmd.types(clients))
	findings := survey.Findings()
	if migrated && survey.Works() {
		findings = append(findings, survey.Clients(clients)...)
	}
	return findings
}

// types returns the resource types to look for: those of FHIR, of mappings and of scopes.
func (cmd *checkCommand) types(clients []auth.Client) []string {
	types := append(slices.Clone(fhir.R4().ResourceTypes()), ndjson.AttributeType)
	for _, mapping := range cmd.Tables {
		types = append(types, mapping.Type)
	}
	for _, client := range clients {
		types = append(types, client.Scopes.Types()...)
	}
	return slices.Compact(slices.Sorted(slices.Values(types)))
}

// print prints the findings.
func (cmd *checkCommand) print(w io.Writer, findings []check.Finding) error {
	if cmd.json() {
		return printJSON(w, map[string]any{"findings": findings})
	}
	for _, finding := range findings {
		if _, err := fmt.Fprintf(w, "%-8s %s: %s\n", finding.Level, finding.Subject, finding.Text); err != nil {
			return err
		}
		for _, remedy := range finding.Remedies {
			if _, err := fmt.Fprintf(w, "         %s\n", statement(remedy)); err != nil {
				return err
			}
		}
	}
	return nil
}

// statement returns a remedy as it can be pasted: SQL ends with a semicolon.
func statement(remedy string) string {
	if strings.HasPrefix(remedy, "sluice ") {
		return remedy
	}
	return strings.TrimSuffix(remedy, ";") + ";"
}
