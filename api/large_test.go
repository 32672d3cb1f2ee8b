package api_test

import (
	"crypto/rand"
	"encoding/base64"
	"testing"
)

// A table that is larger than all that the sockets on its way can hold: 48 MiB.
const (
	largeRows = 192
	largeSize = 256 << 10
)

// large makes a table patient with rows of about size bytes each, which neither
// PostgreSQL nor gzip can make much smaller.
func (b *testBundle) large(t *testing.T, rows, size int) {
	t.Helper()
	b.Aidbox(t, "Patient")
	b.Exec(t, `ALTER TABLE patient SET UNLOGGED`)
	noise := make([]byte, size*3/4)
	_, _ = rand.Read(noise)
	b.Exec(t, `INSERT INTO patient (id, txid, status, resource)
		SELECT 'pt-' || n, n, 'created', jsonb_build_object('text', $1::text) FROM generate_series(1, $2::int) AS n`,
		base64.StdEncoding.EncodeToString(noise), rows)
}
