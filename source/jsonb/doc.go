// Package jsonb reads the stored form of PostgreSQL's jsonb, which a server sends
// unchanged after
//
//	CREATE CAST (jsonb AS bytea) WITHOUT FUNCTION
//
// The form is the one of src/include/utils/jsonb.h since PostgreSQL 9.4, in
// little-endian byte order: a container is a header, an entry for each child, and the
// data of the children.
//
// The functions take a document and a [Value], a position in it. They check every
// count, length and offset before they use it, and that the last child of a container
// ends where the container does. A document whose structure is not well formed causes no
// panic, but ok = false or [ErrMalformed]. Damage that leaves the structure intact, such as
// another character in a string, stays undetected, as in PostgreSQL.
//
// The package imports only the standard library. It must not know where a document
// comes from, nor what it means.
package jsonb

import "errors"

// ErrMalformed means that a document is not in the stored form, or that its containers are
// nested more deeply than 100,000.
var ErrMalformed = errors.New("not a jsonb in its stored form, or nested more deeply than 100,000")

// ErrTooLong means that the text of a document is longer than PostgreSQL can make it.
var ErrTooLong = errors.New("the text of the jsonb exceeds 1 GiB")

const (
	// maxDepth is the maximum depth of containers. PostgreSQL reaches about 55,000 with
	// the largest stack that the usual limit of 8 MiB allows. Without that limit, it can
	// store documents that this package rejects.
	maxDepth = 100_000

	// maxDocument is the maximum size of a document, the largest value of PostgreSQL.
	maxDocument = 1<<30 - 1
)

// MaxText is the maximum length of a text, the largest string of PostgreSQL. A caller
// that appends the values of a document one by one must check it.
const MaxText = 1<<30 - 1
