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
	statements := strings.Join(grants(lacking, role), "; ")
	if only {
		return fmt.Errorf("the role %s cannot read all tables of the dump: %s", role, statements)
	}
	return fmt.Errorf("%w (%s)", err, statements)
}

// grants returns a GRANT for each kind of privileges, such as SELECT ON "public"."patient".
func grants(privileges []string, role string) (statements []string) {
	for _, kind := range []string{"USAGE ON SCHEMA ", "SELECT ON "} {
		var on []string
		for _, privilege := range privileges {
			if name, found := strings.CutPrefix(privilege, kind); found {
				on = append(on, name)
			}
		}
		if len(on) > 0 {
			statements = append(statements, fmt.Sprintf("GRANT %s%s TO %s", kind, strings.Join(on, ", "), role))
		}
	}
	return statements
}
