package cli

import (
	"context"
	"fmt"

	"github.com/seed-90096f4d/sluice/migrations"
)

type migrateCommand struct{ stateDatabase }

// Run applies the migrations that are missing.
func (cmd *migrateCommand) Run(ctx context.Context, out *output) error {
	pool, err := cmd.openWith(ctx, nil, migrateSession)
	if err != nil {
		return err
	}
	defer pool.Close()

	applied, err := migrations.Up(ctx, pool)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(out.stdout, "migrations applied: %d\n", applied)
	return err
}
