package content

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func compress(t *testing.T, text string) string {
	t.Helper()
	var compressed bytes.Buffer
	w := gzip.NewWriter(&compressed)
	_, err := io.WriteString(w, text)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return compressed.String()
}

func sum(text string) string {
	hash := sha256.Sum256([]byte(text))
	return hex.EncodeToString(hash[:])
}

func TestInspect(t *testing.T) {
	t.Parallel()
	for text, lines := range map[string]int64{
		"": 0, "a": 1, "a\n": 1, "a\nb": 2, "a\n\n \r\nb\n\n": 2, strings.Repeat("x", 1<<20) + "\ny\n": 2,
		strings.Repeat("{}\n", 100_000): 100_000,
	} {
		facts, err := Inspect(strings.NewReader(text))
		require.NoError(t, err)
		require.Equal(t, Facts{Lines: lines, Bytes: int64(len(text)), PlainBytes: int64(len(text)), SHA256: sum(text), PlainSHA256: sum(text)}, facts)

		// Files of several gzip members are one text.
		half := len(text) / 2
		compressed := compress(t, text[:half]) + compress(t, text[half:])
		facts, err = Inspect(strings.NewReader(compressed))
		require.NoError(t, err)
		require.Equal(t, Facts{Lines: lines, Bytes: int64(len(compressed)), PlainBytes: int64(len(text)), SHA256: sum(compressed), PlainSHA256: sum(text)}, facts)

		for _, n := range []int{3, len(compressed) - 1} {
			_, err = Inspect(strings.NewReader(compressed[:n]))
			require.Error(t, err)
		}
		damaged := []byte(compressed)
		damaged[len(damaged)-6] ^= 1
		_, err = Inspect(bytes.NewReader(damaged))
		require.Error(t, err)
	}
}

func TestDeletions(t *testing.T) {
	t.Parallel()
	entries := func(requests ...string) string {
		return `{"entry":[{"request":` + strings.Join(requests, `},{"request":`) + `}],"resourceType":"Bundle","meta":{"a":[1,{"entry":[]}]},"type":"transaction"}` + "\n"
	}
	text := entries(`{"method":"DELETE","url":"Patient/1"}`, `{"method":"DELETE","url":"https://example.org/fhir/Group/a-b.c"}`) +
		`{"resourceType":"Bundle","type":"transaction"}` + "\n" +
		entries(`{"method":"delete","url":"/Observation/2"}`, `{"method":"PUT","url":"Patient/3"}`, `{"method":"DELETE","url":"Patient?identifier=4"}`,
			`{"method":"DELETE","url":"Patient"}`, `{"method":"DELETE","url":"Patient/x/_history/1"}`)
	for _, text := range []string{text, compress(t, text)} {
		var got []string
		skipped, err := Deletions(strings.NewReader(text), func(reference string) error {
			got = append(got, reference)
			return nil
		})
		require.NoError(t, err)
		require.Equal(t, []string{"Patient/1", "Group/a-b.c", "Observation/2"}, got)
		require.Equal(t, int64(4), skipped)
	}
	for _, text := range []string{`[]`, `{"entry":{}}`, `{"entry":[{"request":{}}`, `{"a":`, "x"} {
		_, err := Deletions(strings.NewReader(text), func(string) error { return nil })
		require.Error(t, err, text)
		require.NotErrorIs(t, err, io.EOF, text)
	}
}

// The entries of a large Bundle are reported while it is read: it is not held in memory.
func TestDeletionsOfLargeBundle(t *testing.T) {
	t.Parallel()
	const entries = 50_000
	read, write := io.Pipe()
	first := make(chan struct{})
	go func() {
		_, _ = io.WriteString(write, `{"resourceType":"Bundle","entry":[{}`) // errors show in the reader
		for i := range entries {
			_, _ = fmt.Fprintf(write, `,{"request":{"method":"DELETE","url":"Patient/%d"}}`, i)
		}
		<-first
		_, _ = io.WriteString(write, `]}`)
		_ = write.Close()
	}()
	n := 0
	skipped, err := Deletions(read, func(string) error {
		if n++; n == 1 {
			close(first)
		}
		return nil
	})
	require.NoError(t, err)
	require.Equal(t, entries, n)
	require.Equal(t, int64(1), skipped)
}

func TestIssues(t *testing.T) {
	t.Parallel()
	text := `{"resourceType":"OperationOutcome","issue":[{"severity":"warning","code":"x","diagnostics":"b"},{"severity":"fatal","code":"processing","details":{"text":"a\n c"},"diagnostics":"z"}]}
{"resourceType":"OperationOutcome","issue":[{"severity":"warning","diagnostics":"b"},{"severity":"information","details":{"coding":[{"code":"c"}]}},{"code":"d"},{}]}

{"resourceType":"OperationOutcome"}`
	issues := &Issues{}
	require.NoError(t, issues.Read(strings.NewReader(compress(t, text))))
	var got []string
	issues.Each(func(i Issue, n int64) { got = append(got, fmt.Sprint(i.Severity, " ", i.Text, " ", n)) })
	require.Equal(t, []string{"fatal a c 1", "error d 1", "error no details 1", "warning b 2", "information c 1"}, got)
	require.Error(t, issues.Read(strings.NewReader(`{"issue":[`)))
	require.Error(t, issues.Read(strings.NewReader(`<html>`)))
}

// Servers write ids into texts: their number is limited.
func TestManyIssues(t *testing.T) {
	t.Parallel()
	issues := &Issues{}
	for i := range 10_000 {
		issues.Count(Issue{"error", fmt.Sprint(i)}, 1)
		issues.Count(Issue{"warning", "same"}, 1)
	}
	var texts, all, same int64
	issues.Each(func(i Issue, n int64) {
		texts++
		all += n
		if i.Text == "same" {
			same = n
		}
	})
	require.LessOrEqual(t, texts, int64(maxTexts+2))
	require.Equal(t, int64(20_000), all)
	require.Equal(t, int64(10_000), same)
}

func TestIDs(t *testing.T) {
	t.Parallel()
	var got []string
	each := func(id string) error {
		got = append(got, id)
		return nil
	}
	require.NoError(t, IDs(strings.NewReader(`{"resourceType":"Patient","id":"a","contained":[{"id":"b"}]}`+"\n"+`{"id":"c"}`), each))
	require.Equal(t, []string{"a", "c"}, got)
	require.Error(t, IDs(strings.NewReader(`{"id":"a"`), each))
}
