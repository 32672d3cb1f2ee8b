// Package check examines the databases and the bucket of an installation, and says what is
// missing with the statements that add it. It changes nothing.
//
// It must not know of flags and of how findings are printed.
package check

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/seed-90096f4d/sluice/migrations"
	"github.com/seed-90096f4d/sluice/storage"
)

// Level says how serious a finding is.
type Level string

// The levels.
const (
	OK      Level = "ok"
	Warning Level = "warning" // something works less well than it could
	Failure Level = "failure" // something does not work
)

// Subject is what was examined.
type Subject string

// The subjects.
const (
	StateDatabase  Subject = "state database"
	SourceDatabase Subject = "source database"
	Tables         Subject = "tables"
	Deletions      Subject = "deletions"
	ObjectStore    Subject = "bucket"
	ClientScopes   Subject = "clients"
)

// Finding is the result of one check.
type Finding struct {
	Subject Subject `json:"subject"`
	Level   Level   `json:"level"`
	Text    string  `json:"text"`
	// Remedies are SQL statements, for the state database if that is the subject, else for
	// the source database, or commands of sluice.
	Remedies []string `json:"remedies,omitempty"`
}

// Failed is the finding of an error.
func Failed(subject Subject, err error, remedies ...string) Finding {
	return Finding{Subject: subject, Level: Failure, Text: err.Error(), Remedies: remedies}
}

func ok(subject Subject, format string, args ...any) Finding {
	return Finding{Subject: subject, Level: OK, Text: fmt.Sprintf(format, args...)}
}

// State checks the migrations of the state database and the privileges of the role.
func State(ctx context.Context, pool *pgxpool.Pool) Finding {
	err := migrations.Check(ctx, pool)
	var denied *migrations.DeniedError
	switch {
	case errors.As(err, &denied):
		return Failed(StateDatabase, fmt.Errorf("the role %s lacks privileges", denied.Role), denied.Grants()...)
	case errors.Is(err, migrations.ErrPending):
		return Failed(StateDatabase, errors.New("it is not migrated"), "sluice migrate")
	case err != nil:
		return Failed(StateDatabase, err)
	}
	return ok(StateDatabase, "migrated, and the role has all privileges")
}

// Bucket checks whether the credentials may list the bucket and write to it.
func Bucket(ctx context.Context, bucket *storage.Bucket) Finding {
	if err := bucket.CheckWrite(ctx); err != nil {
		return Failed(ObjectStore, err)
	}
	return ok(ObjectStore, "%s can be listed and written to", bucket)
}
