package e2e

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/cli"
	"github.com/seed-90096f4d/sluice/cli/check"
	"github.com/seed-90096f4d/sluice/source/sourcetest"
)

// check runs sluice check and returns its findings that are not ok.
func (j *journey) check(code int, args ...string) (found []check.Finding) {
	j.t.Helper()
	var document struct{ Findings []check.Finding }
	stdout, _ := j.run(code, append([]string{"check", "--format=json", "--source-url=" + j.database, "--s3-url=" + j.bucket}, args...)...)
	require.NoError(j.t, json.Unmarshal([]byte(stdout), &document), stdout)
	require.NotEmpty(j.t, document.Findings)
	for _, finding := range document.Findings {
		if finding.Level != check.OK {
			found = append(found, finding)
		}
	}
	return found
}

// sluice check prints what is missing. When it was run as printed, nothing is missing.
func TestCheck(t *testing.T) {
	t.Parallel()
	j := newJourney(t)
	j.load(twoPatients)
	sourcetest.Execute(t, j.database, `
		DROP CAST IF EXISTS (jsonb AS bytea);
		CREATE TABLE IF NOT EXISTS patient_history (LIKE patient);
		REVOKE ALL ON patient, patient_history FROM PUBLIC`)
	require.Equal(t, "it is not migrated", j.check(cli.ExitFailed)[0].Text)
	j.sluice(cli.ExitOK, "migrate")
	j.sluice(cli.ExitOK, "client", "add", "lake", "--scope=system/Patient.rs", "--scope=system/Device.rs", "--scope=system/ViewDefinition.cruds")

	_, limited := newRole(t, j.database)
	before := j.check(cli.ExitFailed, "--source-url="+limited, "--state-url="+limited)
	text, _ := j.run(cli.ExitFailed, "check", "--source-url="+limited, "--s3-url="+j.bucket)
	require.NotContains(t, text, "deletions", "no table can be read")
	remedies := 0
	for _, finding := range before {
		for _, remedy := range finding.Remedies {
			if strings.HasPrefix(remedy, "sluice ") {
				continue
			}
			sourcetest.Execute(t, j.database, remedy)
			remedies++
		}
	}
	require.Positive(t, remedies, before)

	after := j.check(cli.ExitFailed, "--source-url="+limited, "--state-url="+limited)
	for _, finding := range after {
		for _, remedy := range finding.Remedies {
			sourcetest.Execute(t, j.database, remedy) // what is seen only with the privileges on the schema
		}
	}
	left := j.check(cli.ExitWarnings, "--source-url="+limited, "--state-url="+limited)
	require.Len(t, left, 1, left)
	require.Equal(t, check.ClientScopes, left[0].Subject)
	require.Equal(t, "lake: the scopes allow what cannot be read: Device", left[0].Text)
	j.sluice(cli.ExitOK, "client", "change", "lake", "--scope=system/Patient.rs")
	require.Empty(t, j.check(cli.ExitOK, "--source-url="+limited, "--state-url="+limited))

	text, _ = j.run(cli.ExitOK, "check", "--source-url="+j.database, "--s3-url="+j.bucket)
	require.Contains(t, text, "ok       tables: 2 resource types can be read")
	for _, wrong := range []string{"--s3-url=http://k:swordfish@127.0.0.1:1/away", "--source-url=postgres://u:swordfish@127.0.0.1:1/away"} {
		text, _ := j.run(cli.ExitFailed, "check", "--source-url="+j.database, "--s3-url="+j.bucket, wrong)
		require.Contains(t, text, "failure ")
		require.NotContains(t, text, "swordfish")
	}
}
