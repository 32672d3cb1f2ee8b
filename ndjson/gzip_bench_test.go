package ndjson_test

import (
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/ndjson"
	"github.com/seed-90096f4d/sluice/source"
)

// BenchmarkGzip measures compression: merging costs nothing in documents of this
// size. It also reports the compression ratio.
func BenchmarkGzip(b *testing.B) {
	documents := bundles()
	var plain int64
	read := 0
	rows := &rows{next: func() *source.Row {
		if !b.Loop() {
			return nil
		}
		document := documents[read%len(documents)]
		read++
		plain += int64(len(document))
		return row(document)
	}}
	b.SetBytes(int64(len(documents[0])))
	b.ReportAllocs()
	result, err := ndjson.Write(b.Context(), io.Discard, "Bundle", rows, ndjson.Options{Gzip: true})
	require.NoError(b, err)
	b.ReportMetric(float64(result.Bytes)/float64(plain), "left/B")
}

// bundles returns documents of 64 kB, all of the same length, in which words are
// repeated and numbers are not.
func bundles() []string {
	const length = 64 << 10
	random := rand.New(rand.NewPCG(1, 2)) // the same each time
	words := []string{"system", "http://loinc.org", "valueQuantity", "status", "final", "subject", "Patient", "coding", "display"}
	all := make([]string, 8)
	for i := range all {
		var text strings.Builder
		for text.Len() < length {
			fmt.Fprintf(&text, "%s: %s %d, ", words[random.IntN(len(words))], words[random.IntN(len(words))], random.IntN(100_000))
		}
		all[i] = `{"text": "` + text.String()[:length] + `"}`
	}
	return all
}
