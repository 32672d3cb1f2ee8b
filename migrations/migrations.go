// Package migrations creates and upgrades the tables of the state database: River's
// and Sluice's own, both in the schema sluice.
//
// It must not know what the tables are for. A released migration is never changed: a
// change of the schema is a new file, numbered after the last one.
package migrations

import (
	"context"
	"embed"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"
)

//go:embed *.sql
var files embed.FS

const (
	// lockSQL serialises the migrations of all processes. The key is an arbitrary
	// number. The lock is released with its connection.
	lockSQL = `SELECT pg_advisory_lock(5126412530)`

	// schema is the schema of all tables.
	schema = "sluice"

	// createSchemaSQL does not use IF NOT EXISTS, which requires the privilege to
	// create schemas even if the schema exists.
	createSchemaSQL = `
DO $$ BEGIN
    IF to_regnamespace('sluice') IS NULL THEN CREATE SCHEMA sluice; END IF;
END $$`
)

// Up applies the missing migrations, River's first, and returns their number.
// Concurrent calls in other processes wait for each other. It returns ErrNewer, with
// nothing applied, if the database has migrations that this version does not know.
func Up(ctx context.Context, pool *pgxpool.Pool) (int, error) {
	// Not a connection of the pool: callers that wait for the lock would keep it from
	// the one that migrates.
	conn, err := pgx.ConnectConfig(ctx, pool.Config().ConnConfig)
	if err != nil {
		return 0, fmt.Errorf("migrate: %w", err)
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()

	if _, err := conn.Exec(ctx, lockSQL); err != nil {
		return 0, fmt.Errorf("migrate: wait for other migrations: %w", err)
	}
	if err := Check(ctx, pool); errors.Is(err, ErrNewer) {
		return 0, err
	}
	if _, err := conn.Exec(ctx, createSchemaSQL); err != nil {
		return 0, fmt.Errorf("migrate: create schema: %w", err)
	}

	river, err := riverUp(ctx, pool)
	if err != nil {
		return 0, err
	}
	own, err := ownUp(ctx, pool)
	return river + own, err
}

func riverUp(ctx context.Context, pool *pgxpool.Pool) (int, error) {
	migrator, err := newRiverMigrator(pool)
	if err != nil {
		return 0, fmt.Errorf("migrate River's tables: %w", err)
	}
	res, err := migrator.Migrate(ctx, rivermigrate.DirectionUp, nil)
	if err != nil {
		return 0, fmt.Errorf("migrate River's tables: %w", err)
	}
	return len(res.Versions), nil
}

func newRiverMigrator(pool *pgxpool.Pool) (*rivermigrate.Migrator[pgx.Tx], error) {
	return rivermigrate.New(riverpgxv5.New(pool), &rivermigrate.Config{Schema: schema})
}

func ownUp(ctx context.Context, pool *pgxpool.Pool) (applied int, err error) {
	err = withProvider(pool, func(provider *goose.Provider) error {
		results, err := provider.Up(ctx)
		if err != nil {
			return fmt.Errorf("migrate: %w", err)
		}
		applied = len(results)
		return nil
	})
	return applied, err
}

// withProvider runs do with a goose provider, which needs a database/sql handle.
func withProvider(pool *pgxpool.Pool, do func(*goose.Provider) error) error {
	db := stdlib.OpenDBFromPool(pool)
	defer func() { _ = db.Close() }()

	provider, err := goose.NewProvider(goose.DialectPostgres, db, files, goose.WithTableName(schema+".migration"))
	if err != nil {
		return fmt.Errorf("read migrations: %w", err)
	}
	return do(provider)
}
