package api

import (
	"context"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/auth"
	"github.com/seed-90096f4d/sluice/migrations"
	"github.com/seed-90096f4d/sluice/source/sourcetest"
)

// TestPlacesOfManyProcesses: where one process has let a client in, others know
// it, and so does one that is started later.
func TestPlacesOfManyProcesses(t *testing.T) {
	t.Parallel()
	pool, err := pgxpool.New(t.Context(), sourcetest.Database(t))
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	_, err = migrations.Up(t.Context(), pool)
	require.NoError(t, err)
	clients := auth.NewClients(pool)
	_, err = pool.Exec(t.Context(), `INSERT INTO sluice.client (id, scopes) VALUES ('a', '{system/*.rs}')`)
	require.NoError(t, err)

	one, other := newPlaces(), newPlaces()
	here, there := pair{"a", "192.0.2.1"}, pair{"a", "192.0.2.2"}
	one.add(here)
	other.add(there)
	for _, p := range []*places{one, other, one} {
		require.NoError(t, p.exchange(t.Context(), clients))
	}
	late := newPlaces()
	require.NoError(t, late.exchange(t.Context(), clients))
	for _, p := range []*places{one, other, late} {
		require.True(t, p.has(here))
		require.True(t, p.has(there))
		require.False(t, p.has(pair{"b", "192.0.2.1"}))
	}

	one.add(here)
	require.Empty(t, one.unwritten(), "once an hour is enough")
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	late.add(pair{"a", "192.0.2.3"})
	require.Error(t, late.exchange(ended, clients))
	require.Len(t, late.unwritten(), 1, "what could not be written is news still")
}

func TestPlacesAreWrittenOnceAnHour(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, here := newPlaces(), pair{"a", "192.0.2.1"}
		p.add(here)
		require.Len(t, p.unwritten(), 1)
		p.learn(p.unwritten())
		time.Sleep(placesPause - time.Second)
		p.add(here)
		require.Empty(t, p.unwritten())
		time.Sleep(time.Second)
		p.add(here)
		require.Equal(t, []auth.Sighting{{ClientID: "a", Address: "192.0.2.1", At: time.Now()}}, p.unwritten())
		time.Sleep(auth.SightingLife)
		require.False(t, p.has(here))
	})
}

func TestPlacesAreBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newPlaces()
		p.add(pair{"b", "192.0.2.1"})
		for i := range 2 * auth.MaxSightings {
			time.Sleep(time.Second) // the bubble's clock: no time passes
			p.add(pair{"a", fmt.Sprint(i)})
		}
		require.Len(t, p.known["a"], auth.MaxSightings)
		require.True(t, p.has(pair{"a", fmt.Sprint(2*auth.MaxSightings - 1)}), "the latest are kept")
		require.True(t, p.has(pair{"b", "192.0.2.1"}), "those of others too")
	})
}
