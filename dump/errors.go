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

// explainUnreadable adds the statements that grant what the role lacks to an error of
// tables that cannot be read.
func explainUnreadable(ctx context.Context, from *source.Source, err error) error {
	var unreadable *catalog.UnreadableError
	if !errors.As(err, &unreadable) || len(unreadable.Privileges()) == 0 {
		return err
	}
	visible, failed := from.Visibility(ctx)
	if failed != nil {
		return err
	}
	var grants []string
	for _, privilege := range unreadable.Privileges() {
		grants = append(grants, fmt.Sprintf("GRANT %s TO %s", privilege, pgx.Identifier{visible.Role}.Sanitize()))
	}
	return fmt.Errorf("%w (%s)", err, strings.Join(grants, "; "))
}
