package dump

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/seed-90096f4d/sluice/source"
	"github.com/seed-90096f4d/sluice/source/catalog"
)

// explainUnreadable returns the error of tables that cannot be read with the statements that
// grant what the role lacks.
func explainUnreadable(ctx context.Context, from *source.Source, err error) error {
	var unreadable *catalog.UnreadableError
	if !errors.As(err, &unreadable) {
		return err
	}
	lacking, only := unreadable.Privileges()
	visible, failed := from.Visibility(ctx)
	if len(lacking) == 0 || failed != nil {
		return err
	}
	role := pgx.Identifier{visible.Role}.Sanitize()
	statements := strings.Join(catalog.Grants(lacking, role), "; ")
	if only {
		return fmt.Errorf("the role %s cannot read all tables of the dump: %s", role, statements)
	}
	return fmt.Errorf("%w (%s)", err, statements)
}
