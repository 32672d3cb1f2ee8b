package auth

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	// SightingLife is how long an address counts as one of a client's own after
	// it was let in from there. A monthly program is known at its next run.
	SightingLife = 35 * 24 * time.Hour

	// MaxSightings bounds the addresses of one client; those that were seen last
	// are kept.
	MaxSightings = 64
)

// Sighting is an address that a client was let in from, and when it was last.
type Sighting struct {
	ClientID, Address string
	At                time.Time
}

const (
	// In one order, so that two processes do not wait for each other. A client
	// may have been removed since.
	upsertSightings = `
INSERT INTO sluice.client_address AS a (client_id, address, seen_at)
SELECT s.client_id, s.address, s.at
FROM unnest($1::text[], $2::text[], $3::timestamptz[]) AS s (client_id, address, at)
JOIN sluice.client c ON c.id = s.client_id
ORDER BY s.client_id, s.address
ON CONFLICT (client_id, address) DO UPDATE SET seen_at = greatest(a.seen_at, excluded.seen_at)`

	// Rows that another process has locked are its to forget, or just seen.
	deleteSightings = `
DELETE FROM sluice.client_address WHERE (client_id, address) IN (
	SELECT client_id, address FROM sluice.client_address
	WHERE (client_id, address) IN (
		SELECT client_id, address FROM (
			SELECT client_id, address, seen_at, row_number() OVER (PARTITION BY client_id ORDER BY seen_at DESC) AS place
			FROM sluice.client_address
		) AS ranked
		WHERE place > $1 OR seen_at < now() - $2::bigint * interval '1 microsecond')
	FOR UPDATE SKIP LOCKED)`

	selectSightings = `
SELECT client_id, address, seen_at FROM sluice.client_address
WHERE seen_at >= now() - $1::bigint * interval '1 microsecond'
ORDER BY seen_at`
)

// RecordSightings writes down where clients were let in from, each pair once,
// and forgets what is too old or too much.
func (c *Clients) RecordSightings(ctx context.Context, sightings []Sighting) error {
	var clients, addresses []string
	var times []time.Time
	for _, s := range sightings {
		clients, addresses, times = append(clients, s.ClientID), append(addresses, s.Address), append(times, s.At)
	}
	_, err := c.pool.Exec(ctx, upsertSightings, clients, addresses, times)
	if err == nil { // on its own, for the order it locks rows in is another
		_, err = c.pool.Exec(ctx, deleteSightings, MaxSightings, SightingLife.Microseconds())
	}
	if err != nil {
		return fmt.Errorf("auth: record the addresses of clients: %w", err)
	}
	return nil
}

// Sightings returns where clients were let in from lately, the oldest first.
func (c *Clients) Sightings(ctx context.Context) ([]Sighting, error) {
	rows, err := c.pool.Query(ctx, selectSightings, SightingLife.Microseconds())
	if err != nil {
		return nil, fmt.Errorf("auth: addresses of clients: %w", err)
	}
	sightings, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Sighting])
	if err != nil {
		return nil, fmt.Errorf("auth: addresses of clients: %w", err)
	}
	return sightings, nil
}
