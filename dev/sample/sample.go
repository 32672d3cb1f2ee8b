// Package sample generates the data of the local stand: a small hospital in FHIR R4, of any
// size. The same size gives the same bytes. Nothing in it is about real people.
//
// The built program loads its files. Updates and deletions, which a file cannot contain,
// are written as Aidbox would.
package sample

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/jackc/pgx/v5"

	"github.com/seed-90096f4d/sluice/dev/product"
)

// Install fills the program's source database, which must be empty, with about a number of
// resources: three documented patients, a hospital's records of 2024 and 2025, and among
// them resources that were updated, deleted and recreated. Its files remain in dir.
func Install(ctx context.Context, program product.Program, sourceURL, dir string, resources int) error {
	documented := filepath.Join(dir, "documented.ndjson")
	if err := os.WriteFile(documented, []byte(documentedPatients), 0o600); err != nil {
		return err
	}
	paths, err := Write(dir, resources)
	if err != nil {
		return err
	}
	conn, err := pgx.Connect(ctx, sourceURL)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(context.WithoutCancel(ctx)) }()

	// The documented patients are loaded first, so that a dump begins with them: rows are
	// stored in the order of insertion.
	load := []string{"load", "--keep-times", "--format"}
	if _, err := program.Run(ctx, append(load, "aidbox", documented)...); err != nil {
		return err
	}
	if _, err := conn.Exec(ctx, documentedSQL); err != nil {
		return fmt.Errorf("set the documented versions: %w", err)
	}
	if _, err := program.Run(ctx, append(append(load, "fhir"), paths...)...); err != nil {
		return err
	}
	return change(ctx, conn, resources)
}
