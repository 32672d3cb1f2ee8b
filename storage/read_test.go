package storage_test

import (
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/storage"
)

func TestRead(t *testing.T) {
	t.Parallel()
	b := open(t)
	text := strings.Repeat(line, 1000)
	put(t, b, "x/lines", text)

	object, err := b.Stat(t.Context(), "x/lines")
	require.NoError(t, err)
	require.Equal(t, int64(len(text)), object.Size)
	require.NotEmpty(t, object.ETag)

	for _, test := range []struct {
		offset, length int64
		want           string
	}{
		{0, 0, text},
		{0, 1, text[:1]},
		{0, 5, text[:5]},
		{100, 7, text[100:107]},
		{100, 0, text[100:]},
		{int64(len(text)) - 3, 100, text[len(text)-3:]},
	} {
		body, err := b.Read(t.Context(), object, test.offset, test.length)
		require.NoError(t, err)
		got, err := io.ReadAll(body)
		require.NoError(t, err)
		require.NoError(t, body.Close())
		require.Equal(t, test.want, string(got), "%d bytes from %d", test.length, test.offset)
	}

	_, err = b.Stat(t.Context(), "x/nothing")
	require.ErrorIs(t, err, storage.ErrNoObject)
	_, err = b.Read(t.Context(), storage.Object{Key: "x/nothing"}, 0, 0)
	require.ErrorIs(t, err, storage.ErrNoObject)
	_, err = b.Read(t.Context(), storage.Object{Key: "../other"}, 0, 0)
	require.ErrorIs(t, err, storage.ErrInvalidKey)

	put(t, b, "x/lines", text[1:])
	_, err = b.Read(t.Context(), object, 0, 0)
	require.ErrorIs(t, err, storage.ErrNoObject, "it was replaced")
	body, err := b.Read(t.Context(), storage.Object{Key: object.Key}, 0, 0)
	require.NoError(t, err, "any version")
	require.NoError(t, body.Close())
}
