package jsonb_test

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/source/jsonb"
	"github.com/seed-90096f4d/sluice/source/jsonb/jsonbtest"
)

// Parts of documents.
const (
	array  = 0x40000000
	object = 0x20000000
	scalar = 0x10000000

	text      = 0 << 28
	number    = 1 << 28
	null      = 4 << 28
	container = 5 << 28
	offset    = 0x80000000
)

// stored returns a document of 32-bit words (int), 16-bit words (uint16) and strings.
func stored(parts ...any) []byte {
	var doc []byte
	for _, part := range parts {
		switch part := part.(type) {
		case int:
			doc = binary.LittleEndian.AppendUint32(doc, uint32(part))
		case uint16:
			doc = binary.LittleEndian.AppendUint16(doc, part)
		case string:
			doc = append(doc, part...)
		}
	}
	return doc
}

// numeric returns an array of a number with these 16-bit words.
func numeric(words ...any) []byte {
	bytes := 4 + 2*len(words)
	return stored(append([]any{array | 1, number | bytes, bytes << 2}, words...)...)
}

// TestMalformed rejects each document, and accepts the one beside it that differs in
// what makes the first one malformed.
func TestMalformed(t *testing.T) {
	for name, test := range map[string]struct {
		malformed, good []byte
	}{
		"empty":                                 {stored(), stored(array)},
		"shorter than a header":                 {stored("\x00\x00\x40"), stored("\x00\x00\x00\x40")},
		"no flags":                              {stored(0), stored(array)},
		"flags of array and object":             {stored(array | object), stored(object)},
		"unknown flag":                          {stored(0x80000000 | array), stored(array)},
		"scalar without a child":                {stored(array | scalar), stored(array|scalar|1, null)},
		"scalar without an entry":               {stored(array | scalar | 1), stored(array|scalar|1, null)},
		"scalar with two children":              {stored(array|scalar|2, null, null), stored(array|2, null, null)},
		"scalar that is a container":            {stored(array|scalar|1, container|4, array), stored(array|1, container|4, array)},
		"scalar that is an object":              {stored(object|scalar|1, text|1, null, "a"), stored(object|1, text|1, null, "a")},
		"scalar flag below the root":            {stored(array|1, container|8, array|scalar|1, null), stored(array|1, container|8, array|1, null)},
		"string longer than a scalar":           {stored(array|scalar|1, text|4, "abc"), stored(array|scalar|1, text|3, "abc")},
		"entries beyond the document":           {stored(array|2, null), stored(array|1, null)},
		"largest count of items":                {stored(array|0x0FFFFFFF, null), stored(array|1, null)},
		"largest count of members":              {stored(object|0x0FFFFFFF, text, null), stored(object|1, text, null)},
		"half of the entries":                   {stored(object|2, text, null), stored(object|1, text, null)},
		"entries beyond their parent":           {stored(array|2, container|8, null, array|2, null, null), stored(array|2, container|12, null, array|2, null, null)},
		"length beyond the document":            {stored(array|1, text|4, "abc"), stored(array|1, text|3, "abc")},
		"length beyond the parent":              {stored(array|2, container|9, text|2, array|1, text|2, "ab", "c"), stored(array|2, container|10, text|1, array|1, text|2, "ab", "c")},
		"offset beyond the document":            {stored(array|1, offset|text|4, "abc"), stored(array|1, offset|text|3, "abc")},
		"offset that goes backwards":            {stored(array|2, text|2, offset|text|1, "ab"), stored(array|2, text|2, offset|text|2, "ab")},
		"offset that repeats a container":       {stored(array|3, container|4, offset, container|4, array), stored(array|3, container|4, offset|text|4, text, array)},
		"names beyond the document":             {stored(object|1, text|4, null, "abc"), stored(object|1, text|3, null, "abc")},
		"offset of a name that goes backwards":  {stored(object|2, text|2, offset|text|1, null, null, "ab"), stored(object|2, text|2, offset|text|2, null, null, "ab")},
		"offset of a value that goes backwards": {stored(object|1, text|2, offset|text|1, "ab"), stored(object|1, text|2, offset|text|2, "ab")},
		"name that is null":                     {stored(object|1, null, null), stored(object|1, text, null)},
		"name that is a number":                 {stored(object|1, number|8, null, 8<<2, uint16(0x8000), uint16(7)), stored(object|1, text|1, null, "7")},
		"name that is a container":              {stored(object|1, container|4, null, array), stored(object|1, text|1, null, "a")},
		"kind 6":                                {stored(array|1, 6<<28), stored(array|1, null)},
		"kind 7":                                {stored(array|1, 7<<28), stored(array|1, null)},
		"kind 6 as a scalar":                    {stored(array|scalar|1, 6<<28), stored(array|scalar|1, null)},
		"kind 7 of a member":                    {stored(object|1, text, 7<<28), stored(object|1, text, null)},
		"container without data":                {stored(array|1, container), stored(array|1, container|4, array)},
		"container shorter than a header":       {stored(array|1, container|3, "\x00\x00\x00"), stored(array|1, container|4, "\x00\x00\x00\x40")},
		"container with less than its padding":  {stored(array|2, text|1, container|2, "a\x00\x00"), stored(array|2, text|1, container|7, "a\x00\x00\x00", array)},
		"number without data":                   {stored(array|1, number), numeric(uint16(0x8000))},
		"number with less than its padding":     {stored(array|2, text|1, number|1, "a\x00"), stored(array|2, text|1, number|9, "a\x00\x00\x00", 6<<2, uint16(0x8000))},
		"number without a header":               {stored(array|1, number|4, 4<<2), numeric(uint16(0x8000))},
		"number with half a header":             {stored(array|1, number|5, 5<<2, "\x00"), numeric(uint16(0x8000))},
		"number longer than its data":           {stored(array|1, number|8, 9<<2, uint16(0x8000), uint16(1)), numeric(uint16(0x8000), uint16(1))},
		"number shorter than its data":          {stored(array|1, number|8, 6<<2, uint16(0x8000), uint16(1)), numeric(uint16(0x8000), uint16(1))},
		"number of 1 GiB":                       {stored(array|1, number|8, 0xFFFFFFE0, uint16(0x8000), uint16(1)), numeric(uint16(0x8000), uint16(1))},
		"number with a header of 1 byte":        {stored(array|1, number|8, "\x0B\x00\x80\x01\x00\x00\x00\x00"), numeric(uint16(0x8000), uint16(1))},
		"compressed number":                     {stored(array|1, number|8, 8<<2|2, uint16(0x8000), uint16(1)), numeric(uint16(0x8000), uint16(1))},
		"number with half a digit":              {stored(array|1, number|7, 7<<2, uint16(0x8000), "\x01"), numeric(uint16(0x8000), uint16(1))},
		"long number without a weight":          {numeric(uint16(0)), numeric(uint16(0), uint16(0))},
		"NaN":                                   {numeric(uint16(0xC000)), numeric(uint16(0x8000))},
		"infinity":                              {numeric(uint16(0xD000)), numeric(uint16(0x8000))},
		"minus infinity":                        {numeric(uint16(0xF000)), numeric(uint16(0x8000))},
		"digit 10000":                           {numeric(uint16(0x8000), uint16(10000)), numeric(uint16(0x8000), uint16(9999))},
		"digit 10000 after the first":           {numeric(uint16(0x8001), uint16(1), uint16(10000)), numeric(uint16(0x8001), uint16(1), uint16(9999))},
		"digit 65535 after the point":           {numeric(uint16(0x8000|4<<7), uint16(1), uint16(0xFFFF)), numeric(uint16(0x8000|4<<7), uint16(1), uint16(1))},
		"leading zero":                          {numeric(uint16(0x8001), uint16(0), uint16(1)), numeric(uint16(0x8001), uint16(1), uint16(0))},
		"zero with a weight":                    {numeric(uint16(0x8001)), numeric(uint16(0x8000))},
		"fewer items than data":                 {stored(array|1, text|1, text|1, "ab"), stored(array|2, text|1, text|1, "ab")},
		"no items but data":                     {stored(array, text|1, "a"), stored(array|1, text|1, "a")},
		"fewer members than data":               {stored(object|1, text|1, text|1, text|1, text|1, "acbd"), stored(object|2, text|1, text|1, text|1, text|1, "acbd")},
		"no members but data":                   {stored(object, text|1, text|1, "ab"), stored(object|1, text|1, text|1, "ab")},
		"bytes after an array":                  {stored(array|1, text|1, "ab"), stored(array|1, text|2, "ab")},
		"bytes after an object":                 {stored(object|1, text|1, text|1, "abc"), stored(object|1, text|1, text|2, "abc")},
		"bytes after an empty object":           {stored(object, "\x00"), stored(object)},
		"bytes after a scalar":                  {stored(array|scalar|1, text|1, "ab"), stored(array|scalar|1, text|2, "ab")},
		"bytes after null":                      {stored(array|scalar|1, null, null), stored(array|scalar|1, null)},
		"bytes after a container below":         {stored(array|1, container|8, array, null), stored(array|1, container|8, array|1, null)},
		"deeper than the limit":                 {nested(jsonb.MaxDepth + 1), nested(jsonb.MaxDepth)},
	} {
		t.Run(name, func(t *testing.T) {
			require.Nil(t, checkAppend(t, test.malformed))
			got, err := jsonb.AppendText(nil, test.malformed)
			require.ErrorIs(t, err, jsonb.ErrMalformed)
			require.Empty(t, got)
			require.NotEmpty(t, checkAppend(t, test.good), "the counterpart")
		})
	}
}

// nested returns an array in an array, and so on.
func nested(depth int) []byte {
	var parts []any
	for depth--; depth > 0; depth-- {
		parts = append(parts, array|1, container|8*depth-4)
	}
	return stored(append(parts, array)...)
}

// TestDamaged damages documents in each byte, and cuts them. One that is cut off, or has
// a byte after it, is malformed.
func TestDamaged(t *testing.T) {
	seed := testSeed(t)
	r := rand.New(rand.NewPCG(seed, 2))
	for range 200 {
		doc := jsonbtest.Encode([]byte(jsonbtest.RandomText(r, 3)))
		require.Nil(t, checkAppend(t, doc[:r.IntN(len(doc))]))
		require.Nil(t, checkAppend(t, append(bytes.Clone(doc), byte(r.IntN(256)))))
		for range 50 {
			damaged := append([]byte(nil), doc...)
			for range 1 + r.IntN(3) {
				damaged[r.IntN(len(damaged))] ^= byte(1 << r.IntN(8))
			}
			checkAppend(t, damaged[:len(damaged)-r.IntN(2)*r.IntN(len(damaged))])
		}
	}
}

// TestTooLong appends numbers whose text is 10,000 times as long as the document.
func TestTooLong(t *testing.T) {
	const limit, count = 1 << 20, 1000
	largest := stored(12<<2, uint16(0), uint16(32767), uint16(1), uint16(2))
	doc := stored(array | count)
	for range count {
		doc = append(doc, stored(number|len(largest))...)
	}
	doc = append(doc, strings.Repeat(string(largest), count)...)
	root, ok := jsonb.Root(doc)
	require.True(t, ok)

	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err := jsonb.AppendLimited(nil, doc, root, jsonb.Compact, limit)
	runtime.ReadMemStats(&after)
	require.ErrorIs(t, err, jsonb.ErrTooLong)
	require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(10*limit))
}

// TestLimit finds the limit for each kind of text.
func TestLimit(t *testing.T) {
	for _, text := range []string{`12345`, `"abc"`, `"\n\n\n\u0001"`, `[1, 2]`, `[[], []]`, `{"a": "b"}`, `{"\n": [true]}`, `"` + strings.Repeat("x", 100) + `"`, `"` + strings.Repeat(`\u0001`, 100) + `"`} {
		doc := jsonbtest.Encode([]byte(text))
		root, ok := jsonb.Root(doc)
		require.True(t, ok)
		got, err := jsonb.AppendLimited([]byte("#"), doc, root, jsonb.Spaced, len(text))
		require.NoError(t, err, text)
		require.Equal(t, "#"+text, string(got))
		for limit := range len(text) {
			got, err = jsonb.AppendLimited([]byte("#"), doc, root, jsonb.Spaced, limit)
			require.ErrorIs(t, err, jsonb.ErrTooLong, "%s, limit %d", text, limit)
			require.Equal(t, "#", string(got))
		}
	}
}
