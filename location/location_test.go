package location_test

import (
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/seed-90096f4d/sluice/location"
	"github.com/seed-90096f4d/sluice/migrations"
	"github.com/seed-90096f4d/sluice/source/sourcetest"
)

func newState(t *testing.T) *pgxpool.Pool {
	t.Helper()
	pool, err := pgxpool.New(t.Context(), sourcetest.Database(t))
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	_, err = migrations.Up(t.Context(), pool)
	require.NoError(t, err)
	return pool
}

var home = location.Location{
	SystemIdentifier: "7312345678901234567", Database: "clinic", Schema: "public",
	Endpoint: "https://s3.example.org", Bucket: "exports", Prefix: "a/",
}

// If processes with different settings start at the same time, those with the settings
// of the first one start and the others fail.
func TestClaimAtOnce(t *testing.T) {
	t.Parallel()
	state := newState(t)
	away := home
	away.Prefix = "b/"
	errs := make([]error, 16)
	var group errgroup.Group
	for i := range errs {
		group.Go(func() error {
			_, errs[i] = location.Claim(t.Context(), state, []location.Location{home, away}[i%2])
			return nil
		})
	}
	require.NoError(t, group.Wait())
	recorded, version, err := location.Read(t.Context(), state)
	require.NoError(t, err)
	require.Equal(t, 1, version)
	for i, err := range errs {
		if (recorded == home) == (i%2 == 0) {
			require.NoError(t, err)
		} else {
			require.ErrorIs(t, err, location.ErrDiffers)
		}
	}
}

// A system identifier that cannot be read is not compared, and the first process that
// can read it records it.
func TestUnknownSystem(t *testing.T) {
	t.Parallel()
	state := newState(t)
	blind, other := home, home
	blind.SystemIdentifier, other.SystemIdentifier = "", "7399999999999999999"
	for _, own := range []location.Location{blind, home, blind} {
		version, err := location.Claim(t.Context(), state, own)
		require.NoError(t, err)
		require.Equal(t, 1, version)
	}
	_, err := location.Claim(t.Context(), state, other)
	require.ErrorIs(t, err, location.ErrDiffers)
	require.ErrorContains(t, err, `system identifier: recorded "7312345678901234567", own "7399999999999999999"`)
	require.Equal(t, 1, strings.Count(err.Error(), "recorded \""), "equal values are not listed")
}

// Recording another location makes the running processes fail their checks, even after
// the first location was recorded again.
func TestRecord(t *testing.T) {
	t.Parallel()
	state := newState(t)
	version, err := location.Claim(t.Context(), state, home)
	require.NoError(t, err)
	require.NoError(t, location.Check(t.Context(), state, home, version))
	moved, err := location.Record(t.Context(), state, home)
	require.NoError(t, err)
	require.False(t, moved)
	require.NoError(t, location.Check(t.Context(), state, home, version))

	away := home
	away.Bucket = "others"
	for _, own := range []location.Location{away, home} {
		moved, err = location.Record(t.Context(), state, own)
		require.NoError(t, err)
		require.True(t, moved)
		require.ErrorIs(t, location.Check(t.Context(), state, home, version), location.ErrDiffers)
	}
	version, err = location.Claim(t.Context(), state, home)
	require.NoError(t, err)
	require.NoError(t, location.Check(t.Context(), state, home, version))
}
