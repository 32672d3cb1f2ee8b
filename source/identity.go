package source

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"
)

// Identity is which database a Source reads, whatever name it is reached by.
type Identity struct {
	// SystemIdentifier is the cluster's. Replicas and their primary have the same;
	// it stays the same in a failover and differs after a restore into a cluster of
	// its own. Empty if the role may not read it.
	SystemIdentifier string

	Database string
	Schema   string
}

const (
	databaseSQL         = `SELECT current_database()::text`
	systemIdentifierSQL = `SELECT system_identifier::text FROM pg_control_system()`
)

// Identity asks the server which database it is, on a connection of its own: those
// that are open may lead to the server that had the address before.
func (s *Source) Identity(ctx context.Context) (Identity, error) {
	id := Identity{Schema: s.config.Schema}
	conn, err := s.pool.Connect(ctx)
	if err != nil {
		return id, fmt.Errorf("source: identify the database: %w", err)
	}
	err = conn.QueryRow(ctx, databaseSQL).Scan(&id.Database)
	if err == nil {
		err = conn.QueryRow(ctx, systemIdentifierSQL).Scan(&id.SystemIdentifier)
	}
	// Some managed services deny the function or do not have it.
	var pgErr *pgconn.PgError
	if errors.As(err, &pgErr) && (pgErr.Code == "42501" || pgErr.Code == "42883" || pgErr.Code == "0A000") {
		err = nil
	}
	if err = errors.Join(err, conn.Close(ctx)); err != nil {
		return id, fmt.Errorf("source: identify the database: %w", err)
	}
	return id, nil
}
