// Package migrations brings the state database up to date: the schema sluice with
// River's tables and Sluice's own.
//
// It knows SQL files and their order, and nothing of what the tables are for.
// A migration that has been released is never changed; a new one follows it.
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
	// One migration at a time, over all processes: the key is any number that
	// nobody else uses. The lock goes with its connection.
	lockSQL = `SELECT pg_advisory_lock(5126412530)`

	// schema has all tables, River's too.
	schema = "sluice"

	// Not IF NOT EXISTS alone: that needs the right to make schemas even when
	// there is nothing to make.
	createSchemaSQL = `
DO $$ BEGIN
    IF to_regnamespace('sluice') IS NULL THEN CREATE SCHEMA sluice; END IF;
END $$`
)

// Up applies the missing migrations, River's first, and returns how many it
// applied. Processes that call it at the same time wait for each other. ErrNewer,
// with nothing applied, if they would not fit what is there.
func Up(ctx context.Context, pool *pgxpool.Pool) (int, error) {
	// Not a connection of the pool: whoever waits for the lock would keep it
	// from the one that migrates.
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

// withProvider lends goose the pool as a database/sql handle, which is all that
// goose speaks.
func withProvider(pool *pgxpool.Pool, do func(*goose.Provider) error) error {
	db := stdlib.OpenDBFromPool(pool)
	defer func() { _ = db.Close() }()

	provider, err := goose.NewProvider(goose.DialectPostgres, db, files, goose.WithTableName(schema+".migration"))
	if err != nil {
		return fmt.Errorf("read migrations: %w", err)
	}
	return do(provider)
}
