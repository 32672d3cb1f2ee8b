package chaos

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// A dump does not say what its snapshot was. So there is a table in which every
// database state has the same: of each of twinCount pairs exactly one, which the
// writer exchanges for the other. One row fills a page, so that the table is worth
// several readers.
const (
	twinCount = 12000

	twinsSQL = `
DROP TABLE IF EXISTS device;
CREATE TABLE device (
  id text PRIMARY KEY, txid bigint NOT NULL, ts timestamptz DEFAULT now(), cts timestamptz DEFAULT now(),
  resource_type text DEFAULT 'Device', status resource_status NOT NULL, resource jsonb NOT NULL) WITH (fillfactor = 10);
INSERT INTO device (id, txid, status, resource)
SELECT 'a-' || n, nextval('transaction_id_seq'), 'created', jsonb_build_object('implicitRules', 'urn:x:' || repeat(md5(n::text), 25))
FROM generate_series(1, %d) n`

	// exchangeSQL exchanges the values of some pairs.
	exchangeSQL = `
WITH gone AS (DELETE FROM device WHERE id = ANY ($1) RETURNING *)
INSERT INTO device SELECT translate(left(id, 1), 'ab', 'ba') || substr(id, 2), nextval('transaction_id_seq'), now(), cts, resource_type, 'updated', resource FROM gone`
)

// exchangeTwins writes until ctx ends.
func exchangeTwins(ctx context.Context, db *pgxpool.Pool) {
	for pause(ctx, writePause) == nil {
		var ids []string
		for range 10 {
			n := 1 + rand.N(twinCount)
			ids = append(ids, fmt.Sprintf("a-%d", n), fmt.Sprintf("b-%d", n))
		}
		_, _ = db.Exec(ctx, exchangeSQL, ids) // a server may be away
	}
}

// dumpTwins takes a dump of the table and compares it with what each state has.
func (f *field) dumpTwins(ctx context.Context) (o outcome, err error) {
	begun := time.Now()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, f.base+"/Device/$dump", http.NoBody)
	if err != nil {
		return o, err
	}
	request.SetBasicAuth(clientID, secret)
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return o, fmt.Errorf("dump: %w", err)
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.StatusCode != http.StatusOK {
		return o, fmt.Errorf("dump: %s", answer.Status)
	}
	pairs := map[string]int{}
	lines := bufio.NewScanner(answer.Body)
	for lines.Scan() {
		var resource struct{ ID string }
		if err := json.Unmarshal(lines.Bytes(), &resource); err != nil {
			return o, fmt.Errorf("dump: %w", err)
		}
		_, pair, _ := strings.Cut(resource.ID, "-")
		pairs[pair]++
	}
	if err := lines.Err(); err != nil {
		return o, fmt.Errorf("dump: %w", err)
	}
	o.took, o.lost = time.Since(begun), twinCount-len(pairs)
	for _, count := range pairs {
		o.doubled += count - 1
	}
	if o.difference != (difference{}) {
		err = fmt.Errorf("a dump of %d resources has %d of them lost, %d doubled", twinCount, o.lost, o.doubled)
	}
	return o, err
}

// makeTwins creates the table, and replaces it if it exists.
func (f *field) makeTwins(ctx context.Context) error {
	if _, err := f.db.Exec(ctx, fmt.Sprintf(twinsSQL, twinCount), pgx.QueryExecModeSimpleProtocol); err != nil {
		return fmt.Errorf("make pairs: %w", err)
	}
	return nil
}
