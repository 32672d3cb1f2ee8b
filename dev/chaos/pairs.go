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

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/seed-90096f4d/sluice/dev/aidbox"
	"github.com/seed-90096f4d/sluice/dev/process"
)

// A dump does not say what its snapshot was. So there is a table for which every snapshot
// contains exactly one resource of each of pairCount pairs; the writer exchanges it for
// the other. One row fills a page, so that the table is large enough for several readers.
const (
	pairCount = 12000

	pairsSQL = `
DROP TABLE IF EXISTS device;
CREATE TABLE device (%s, PRIMARY KEY (id)) WITH (fillfactor = 10);
INSERT INTO device (id, txid, resource)
SELECT 'a-' || n, nextval('transaction_id_seq'), jsonb_build_object('implicitRules', 'urn:x:' || repeat(md5(n::text), 25))
FROM generate_series(1, %d) n`

	// exchangeSQL exchanges the resources with the ids $1 for the others of their pairs.
	exchangeSQL = `
WITH gone AS (DELETE FROM device WHERE id = ANY ($1) RETURNING *)
INSERT INTO device SELECT translate(left(id, 1), 'ab', 'ba') || substr(id, 2), nextval('transaction_id_seq'), now(), cts, resource_type, 'updated', resource FROM gone`
)

// createPairs creates the table, and replaces it if it exists.
func (h *harness) createPairs(ctx context.Context) error {
	if _, err := h.db.Exec(ctx, fmt.Sprintf(pairsSQL, aidbox.Columns("Device"), pairCount)); err != nil {
		return fmt.Errorf("create the pairs: %w", err)
	}
	return nil
}

// exchangePairs returns a function that writes until its context ends.
func exchangePairs(db *pgxpool.Pool) func(context.Context) {
	return func(ctx context.Context) {
		for process.Sleep(ctx, writeInterval) == nil {
			var ids []string
			for range 10 {
				n := 1 + rand.N(pairCount)
				ids = append(ids, fmt.Sprintf("a-%d", n), fmt.Sprintf("b-%d", n))
			}
			_, _ = db.Exec(ctx, exchangeSQL, ids) // a server may be down
		}
	}
}

// dumpPairs reads a dump of the table and counts its pairs.
func (h *harness) dumpPairs(ctx context.Context) (o outcome, err error) {
	started := time.Now()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, h.client.URL+"/Device/$dump", http.NoBody)
	if err != nil {
		return o, err
	}
	request.SetBasicAuth(h.client.ID, h.client.Secret)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return o, fmt.Errorf("dump: %w", err)
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return o, fmt.Errorf("dump: %s", response.Status)
	}
	pairs := map[string]int{}
	lines := bufio.NewScanner(response.Body)
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
	o.took, o.lost = time.Since(started), pairCount-len(pairs)
	for _, count := range pairs {
		o.doubled += count - 1
	}
	if o.difference != (difference{}) {
		err = fmt.Errorf("a dump of %d resources: %d lost, %d doubled", pairCount, o.lost, o.doubled)
	}
	return o, err
}
