package jsonb_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/source/jsonb"
	"github.com/seed-90096f4d/sluice/source/jsonb/jsonbtest"
)

// FuzzAppendText checks that any bytes give an error or JSON of limited length, and that
// the iterators agree with it.
func FuzzAppendText(f *testing.F) {
	for _, text := range []string{`null`, `"a\n\u0001"`, `-12.50`, `1e300`, `[]`, `{}`, `[1, true, false, null, "", [], {}]`, `{"id": "x", "a": {"bc": [1.5, "2"]}}`} {
		f.Add(jsonbtest.Encode([]byte(text)))
	}
	for seed := range uint64(100) {
		f.Add(jsonbtest.Encode([]byte(jsonbtest.RandomText(rand.New(rand.NewPCG(seed, 1)), int(seed%5)))))
	}
	f.Fuzz(func(t *testing.T, doc []byte) {
		checkAppend(t, doc)
	})
}

// checkAppend checks what holds for any document and returns its text, or nil if the
// document is malformed or its text longer than 1 MiB.
func checkAppend(t *testing.T, doc []byte) []byte {
	t.Helper()
	const limit = 1 << 20
	before := bytes.Clone(doc)
	root, ok := jsonb.Root(doc)
	if !ok {
		_, err := jsonb.AppendText(nil, doc)
		require.ErrorIs(t, err, jsonb.ErrMalformed)
		return nil
	}
	prefix := []byte("before")
	spaced, err := jsonb.AppendLimited(prefix, doc, root, jsonb.Spaced, limit)
	require.Equal(t, before, doc, "the document is read only")
	if err != nil {
		require.Equal(t, "before", string(spaced))
		if !errors.Is(err, jsonb.ErrTooLong) {
			require.ErrorIs(t, err, jsonb.ErrMalformed)
			_, ok = appendCompact(nil, doc, root, 0)
			require.False(t, ok, "the iterators find no fault")
		}
		return nil
	}
	text := bytes.TrimPrefix(spaced, prefix)
	require.Len(t, spaced, len(prefix)+len(text))
	require.LessOrEqual(t, len(text), limit)
	require.LessOrEqual(t, cap(spaced), 2*limit+len(doc)+200_000)

	var want bytes.Buffer
	if bytes.Count(text, []byte("["))+bytes.Count(text, []byte("{")) < 10_000 { // the depth encoding/json allows
		require.NoError(t, json.Compact(&want, text), "not JSON: %q", text)
		compact, err := jsonb.AppendValue(nil, doc, root, jsonb.Compact)
		require.NoError(t, err)
		require.Equal(t, want.String(), string(compact))
		walked, ok := appendCompact(nil, doc, root, 0)
		require.True(t, ok, "the iterators find a fault")
		require.Equal(t, want.String(), string(walked))
	}
	return text
}

// appendCompact is AppendValue with Compact, by means of the iterators.
func appendCompact(dst, doc []byte, v jsonb.Value, depth int) (_ []byte, ok bool) {
	kind := jsonb.KindOf(doc, v)
	if (kind == jsonb.Object || kind == jsonb.Array) && depth == jsonb.MaxDepth {
		return dst, false
	}
	switch kind {
	case jsonb.Object:
		dst = append(dst, '{')
		members := jsonb.MembersOf(doc, v)
		for first := true; members.Next(doc); first = false {
			if !first {
				dst = append(dst, ',')
			}
			dst = append(jsonb.AppendString(dst, doc, members.NameStart, members.NameEnd), ':')
			if dst, ok = appendCompact(dst, doc, members.Value, depth+1); !ok {
				return dst, false
			}
		}
		return append(dst, '}'), !members.Malformed
	case jsonb.Array:
		dst = append(dst, '[')
		items := jsonb.ItemsOf(doc, v)
		for first := true; items.Next(doc); first = false {
			if !first {
				dst = append(dst, ',')
			}
			if dst, ok = appendCompact(dst, doc, items.Value, depth+1); !ok {
				return dst, false
			}
		}
		return append(dst, ']'), !items.Malformed
	case jsonb.String:
		return append(jsonb.AppendContent(append(dst, '"'), doc[v.Start():v.End()]), '"'), true
	}
	dst, err := jsonb.AppendValue(dst, doc, v, jsonb.Compact)
	return dst, err == nil
}
