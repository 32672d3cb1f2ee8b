package auth

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestSightings(t *testing.T) {
	t.Parallel()
	b, ctx := setup(t), t.Context()
	for _, id := range []string{"a", "b"} {
		require.NoError(t, b.Add(ctx, id, "secret-1", []string{"system/*.rs"}))
	}
	now := time.Now().UTC().Truncate(time.Microsecond)
	require.NoError(t, b.RecordSightings(ctx, []Sighting{
		{"b", "192.0.2.1", now.Add(-time.Hour)}, {"a", "192.0.2.1", now}, {"removed", "192.0.2.1", now},
		{"a", "192.0.2.9", now.Add(-SightingLife - time.Minute)},
	}))
	require.NoError(t, b.RecordSightings(ctx, []Sighting{{"a", "192.0.2.1", now.Add(-2 * time.Hour)}}), "of another process, late")
	require.Equal(t, []Sighting{{"b", "192.0.2.1", now.Add(-time.Hour)}, {"a", "192.0.2.1", now}}, b.sightings(t))

	var many []Sighting
	for i := range MaxSightings + 10 {
		many = append(many, Sighting{"b", fmt.Sprint("2001:db8:", i, "::/64"), now.Add(time.Duration(i) * time.Second)})
	}
	require.NoError(t, b.RecordSightings(ctx, many))
	kept := b.sightings(t)
	require.Len(t, kept, MaxSightings+1, "one client's do not crowd out another's")
	require.Equal(t, Sighting{"a", "192.0.2.1", now}, kept[0])
	require.Equal(t, many[10:], kept[1:], "the latest are kept")

	require.NoError(t, b.Remove(ctx, "b"))
	require.Len(t, b.sightings(t), 1)
}

func (b *testBundle) sightings(t *testing.T) []Sighting {
	t.Helper()
	sightings, err := b.Sightings(t.Context())
	require.NoError(t, err)
	for i := range sightings {
		sightings[i].At = sightings[i].At.UTC()
	}
	return sightings
}

// TestSightingsOfManyProcesses: those who write down the same at the same time
// do not wait for each other forever.
func TestSightingsOfManyProcesses(t *testing.T) {
	t.Parallel()
	b, ctx := setup(t), t.Context()
	var there, back []Sighting
	for i := range 500 {
		id := fmt.Sprint("client-", i)
		_, err := b.pool.Exec(ctx, `INSERT INTO sluice.client (id, scopes) VALUES ($1, '{system/*.rs}')`, id)
		require.NoError(t, err)
		one := Sighting{id, "192.0.2.1", time.Now()}
		there, back = append(there, one), append([]Sighting{one}, back...)
	}
	var running sync.WaitGroup
	for i := range 4 {
		running.Go(func() {
			for range 20 {
				assert.NoError(t, b.RecordSightings(ctx, [][]Sighting{there, back}[i%2]))
			}
		})
	}
	running.Wait()
	require.Len(t, b.sightings(t), 500)
}

// TestSightingsAreForgottenByMany: nor do those who forget what is too much.
func TestSightingsAreForgottenByMany(t *testing.T) {
	t.Parallel()
	b, ctx := setup(t), t.Context()
	const clients, processes, rounds = 10, 4, 10
	for i := range clients {
		_, err := b.pool.Exec(ctx, `INSERT INTO sluice.client (id, scopes) VALUES ($1, '{system/*.rs}')`, fmt.Sprint("client-", i))
		require.NoError(t, err)
	}
	now := time.Now()
	var running sync.WaitGroup
	for process := range processes {
		running.Go(func() {
			for round := range rounds {
				var news []Sighting
				for i := range clients * (MaxSightings - 4) {
					network := (7*process + round) % 5
					at := now.Add(time.Duration((13*i+5*process+round)%100) * time.Second)
					news = append(news, Sighting{fmt.Sprint("client-", i%clients), fmt.Sprintf("192.0.%d.%d", network, i/clients), at})
				}
				assert.NoError(t, b.RecordSightings(ctx, news))
			}
		})
	}
	running.Wait()
	require.NoError(t, b.RecordSightings(ctx, nil))
	require.Len(t, b.sightings(t), clients*MaxSightings)
}
