package e2e

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "rewrite the generated tables of the documents")

const (
	requirementsBegin = "<!-- requirements: go test ./e2e -run TestConformanceDoc -update -->\n"
	requirementsEnd   = "<!-- end of requirements -->\n"
)

// docs/conformance.md has the rows of TestConformance.
func TestConformanceDoc(t *testing.T) {
	t.Parallel()
	const name = "../docs/conformance.md"
	before, rest, ok := strings.Cut(readFile(t, name), requirementsBegin)
	require.True(t, ok)
	found, after, ok := strings.Cut(rest, requirementsEnd)
	require.True(t, ok)

	want := counts() + "\n" + table()
	if *update {
		require.NoError(t, os.WriteFile(name, []byte(before+requirementsBegin+want+requirementsEnd+after), 0o644))
		return
	}
	require.Equal(t, want, found, "run go test ./e2e -run TestConformanceDoc -update")
}

// counts renders the number of requirements by level and state.
func counts() string {
	levels, states := []string{shall, shallNot, should, shouldNot, may}, []string{met, elsewhere, unmet}
	number := map[[2]string]int{}
	for _, r := range rows {
		number[[2]string{r.level, r.state}] += len(strings.Fields(r.numbers))
	}
	var out strings.Builder
	out.WriteString("| level | met | not tested here | not met |\n|---|---|---|---|\n")
	for _, level := range levels {
		fmt.Fprintf(&out, "| %s |", level)
		for _, state := range states {
			fmt.Fprintf(&out, " %d |", number[[2]string{level, state}])
		}
		out.WriteString("\n")
	}
	return out.String()
}

func table() string {
	var out strings.Builder
	out.WriteString("| requirement | level | what | how it stands |\n|---|---|---|---|\n")
	for _, r := range rows {
		how := r.state
		if r.check != "" {
			how += ": `TestConformance/" + r.check + "`"
		}
		if r.why != "" {
			how += ": " + r.why
		}
		fmt.Fprintf(&out, "| %s | %s | %s | %s |\n", strings.ReplaceAll(r.numbers, " ", ", "), r.level, r.what, how)
	}
	return out.String()
}

// Each requirement is in one row. Rows without a check have a reason.
func TestConformanceRows(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, r := range rows {
		for _, number := range strings.Fields(r.numbers) {
			require.False(t, seen[number], number)
			seen[number] = true
		}
		require.True(t, slices.Contains([]string{met, unmet, elsewhere}, r.state), r.numbers)
		require.Equal(t, r.state == met, r.check != "", r.numbers)
		require.True(t, r.check != "" || r.why != "", r.numbers)
	}
	require.Len(t, seen, 234+14+2)
}
