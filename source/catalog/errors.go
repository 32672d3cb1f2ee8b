package catalog

import (
	"errors"
	"fmt"
	"slices"
)

var (
	// ErrNoTable means that the schema has no FHIR table of the type asked for.
	ErrNoTable = errors.New("no table of this resource type")

	// ErrNoAddresses means that the rows of a table have no addresses (ctid) by which they
	// can be fetched, as in a view or a foreign table.
	ErrNoAddresses = errors.New("rows of the table have no addresses")

	// ErrRewritten means that a table was rewritten, truncated, replaced or dropped
	// after the snapshot was taken, so that its rows cannot be found. The snapshot
	// itself may still be held.
	ErrRewritten = errors.New("a table was rewritten after the snapshot was taken")
)

// TableError is an error of the table of one resource type.
type TableError struct {
	Type string
	Err  error
}

// Error returns the message with the type.
func (e *TableError) Error() string { return e.Type + ": " + e.Err.Error() }

// Unwrap returns the cause.
func (e *TableError) Unwrap() error { return e.Err }

// UnreadableError means that a relation has the name of a resource type but cannot be
// read as a FHIR table. If it lacks the column id or resource, it is assumed to contain
// something else, and the error is an ErrNoTable.
type UnreadableError struct {
	Type     string
	Relation string // its kind and name, as in "view patient"
	Reason   string

	// Privilege is what the role lacks, as GRANT names it: SELECT ON "public"."patient".
	// It is empty if there is another reason.
	Privilege string

	fhirLike bool               // it has the columns id and resource, or was named by a mapping
	more     []*UnreadableError // of other types
}

// joinUnreadable joins errors, of which there must be at least one.
func joinUnreadable(all []*UnreadableError) *UnreadableError {
	joined := *all[0]
	joined.more = all[1:]
	return &joined
}

// Privileges returns what the role lacks on all relations of the error, and whether nothing
// else is wrong with them.
func (e *UnreadableError) Privileges() (lacking []string, only bool) {
	only = true
	for _, one := range append([]*UnreadableError{e}, e.more...) {
		only = only && one.Privilege != ""
		if one.Privilege != "" && !slices.Contains(lacking, one.Privilege) {
			lacking = append(lacking, one.Privilege)
		}
	}
	return lacking, only
}

// Error returns the relation and the reason, without the names of roles or schemas.
func (e *UnreadableError) Error() string {
	text := e.Relation + " cannot be read: " + e.Reason
	for _, other := range e.more {
		text += "; " + other.Type + ": " + other.Error()
	}
	return text
}

// Unwrap returns ErrNoTable for a table that contains something else.
func (e *UnreadableError) Unwrap() error {
	if e.fhirLike {
		return nil
	}
	return ErrNoTable
}

// ColumnError means that a column of a table has a type that cannot be read as part of a
// FHIR table, or a null that must not be there.
type ColumnError struct {
	Table  string // the table's name, with its schema
	Column string
	Reason string
}

// Error returns the column, the table and the reason.
func (e *ColumnError) Error() string {
	return fmt.Sprintf("column %s of table %s %s", e.Column, e.Table, e.Reason)
}
