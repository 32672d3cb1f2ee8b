// Package patientindex writes and reads which rows make which block, where the
// files of an export are made of blocks: a key, such as the id of a patient, and
// the rows that belong to it, in their order, by their addresses.
//
// An index is a stream of bytes that is written once and read in shares of whole
// blocks. Both sides work in constant memory, whatever the size of a block. It
// must not know what a row or a key means, nor where the bytes are kept.
package patientindex

import "errors"

// The marks before what follows in an index.
const (
	markKey = 'k' // the length of the key, and the key
	markRow = 'r' // the relation, the block, the place in it, and the bytes of the resource
	markEnd = '.' // nothing more in this share
)

// maxKey bounds what is believed of a length: the largest value PostgreSQL has.
const maxKey = 1 << 30

// ErrBroken means that the bytes are not those of an index, or not all of them.
var ErrBroken = errors.New("the index of blocks is broken")
