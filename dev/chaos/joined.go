package chaos

import (
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/seed-90096f4d/sluice/dev/aidbox"
	"github.com/seed-90096f4d/sluice/dev/process"
	"github.com/seed-90096f4d/sluice/dev/product"
)

// Every snapshot contains joinedCount organizations, and a location of each: the writer
// exchanges both at once for others. In tables of two snapshots, some locations have no
// organization. One row fills a page, so that there are many parts.
const (
	joinedCount = 1000

	joinedSQL = `
DROP TABLE IF EXISTS organization, location;
CREATE TABLE organization (%[1]s, PRIMARY KEY (id)) WITH (fillfactor = 10);
CREATE TABLE location (%[2]s, PRIMARY KEY (id)) WITH (fillfactor = 10);
INSERT INTO organization (id, txid, resource)
SELECT 'a-' || n, nextval('transaction_id_seq'), jsonb_build_object('implicitRules', 'urn:x:' || repeat(md5(n::text), 25))
FROM generate_series(1, %[3]d) n;
INSERT INTO location (id, txid, resource)
SELECT id, txid, resource || jsonb_build_object('managingOrganization', jsonb_build_object('resourceType', 'Organization', 'id', id))
FROM organization`

	// exchangeJoinedSQL exchanges the organizations with the ids $1, and their locations.
	exchangeJoinedSQL = `
WITH organizations AS (DELETE FROM organization WHERE id = ANY ($1) RETURNING *),
  locations AS (DELETE FROM location WHERE id = ANY ($1) RETURNING *),
  created AS (
    INSERT INTO organization SELECT translate(left(id, 1), 'ab', 'ba') || substr(id, 2), nextval('transaction_id_seq'), now(), cts, resource_type, 'updated', resource
    FROM organizations)
INSERT INTO location SELECT translate(left(id, 1), 'ab', 'ba') || substr(id, 2), nextval('transaction_id_seq'), now(), cts, resource_type, 'updated',
  jsonb_set(resource, '{managingOrganization,id}', to_jsonb(translate(left(id, 1), 'ab', 'ba') || substr(id, 2)))
FROM locations`

	organizationsView = `{"resourceType": "ViewDefinition", "status": "active", "name": "organizations", "resource": "Organization",
		"select": [{"column": [{"name": "id", "path": "getResourceKey()", "type": "string"}]}]}`
	locationsView = `{"resourceType": "ViewDefinition", "status": "active", "name": "locations", "resource": "Location",
		"select": [{"column": [{"name": "id", "path": "managingOrganization.getReferenceKey(Organization)", "type": "string"}]}]}`
)

// joining returns a scenario that joins tables.
func (h *harness) joining(inject func(context.Context, *export) error) func(context.Context) (outcome, error) {
	return func(ctx context.Context) (outcome, error) { return h.joinTables(ctx, inject) }
}

// joinTables exports the tables of two views, injects a fault in the middle, and joins
// them: no location may lack its organization.
func (h *harness) joinTables(ctx context.Context, inject func(context.Context, *export) error) (o outcome, err error) {
	if _, err := h.db.Exec(ctx, fmt.Sprintf(joinedSQL, aidbox.Columns("Organization"), aidbox.Columns("Location"), joinedCount)); err != nil {
		return o, fmt.Errorf("create the tables to join: %w", err)
	}
	defer background(ctx, exchangeJoined(h.db))()
	e, tables, err := h.kickOffTables(ctx)
	if err != nil {
		return o, err
	}
	defer e.stopOracle()
	if err = e.waitShare(ctx, 0.1+0.5*rand.Float64()); err == nil {
		err = inject(ctx, e)
	}
	end, endErr := e.waitEnd(ctx) // also after an error: the next scenario must not find it running
	if err = errors.Join(err, endErr); err != nil {
		return o, err
	}
	o.took, o.generations, o.attempts = time.Since(e.started), end.generation, end.attempts
	h.proxy.set(fast)
	o.difference, err = h.join(ctx, tables)
	return o, errors.Join(err, o.err())
}

// exchangeJoined returns a function that writes until its context ends.
func exchangeJoined(db *pgxpool.Pool) func(context.Context) {
	return func(ctx context.Context) {
		for process.Sleep(ctx, writeInterval) == nil {
			var ids []string
			for range 10 {
				n := 1 + rand.N(joinedCount)
				ids = append(ids, fmt.Sprintf("a-%d", n), fmt.Sprintf("b-%d", n))
			}
			_, _ = db.Exec(ctx, exchangeJoinedSQL, ids) // the server may be down
		}
	}
}

// join reads the tables as a client does and counts the organizations that are missing or
// occur twice, and the locations without an organization.
func (h *harness) join(ctx context.Context, tables product.TableExport) (d difference, err error) {
	files, complete, err := h.client.Tables(ctx, tables)
	if err != nil || !complete {
		return d, fmt.Errorf("read the result (complete: %t): %w", complete, err)
	}
	organizations, err := readKeys(ctx, files["organizations"])
	if err != nil {
		return d, err
	}
	locations, err := readKeys(ctx, files["locations"])
	if err != nil {
		return d, err
	}
	d.addPairs(organizations)
	d.addPairs(locations)
	for id := range locations {
		if organizations[id] == 0 {
			d.foreign++
		}
	}
	keys, err := h.objectKeys(ctx, tables.ID)
	named := len(files["organizations"]) + len(files["locations"])
	if err == nil && len(keys) != named+1 { // and the manifest itself
		err = fmt.Errorf("the bucket has %d objects for a result of %d", len(keys), named)
	}
	return d, err
}

// addPairs counts the pairs of which no key occurs, and those of which more than one does.
func (d *difference) addPairs(keys map[string]int) {
	pairs := map[string]int{}
	for id, count := range keys {
		_, pair, _ := strings.Cut(id, "-")
		pairs[pair] += count
	}
	d.lost += joinedCount - len(pairs)
	for _, count := range pairs {
		d.doubled += count - 1
	}
}

// readKeys returns how often each key occurs in the files of a table.
func readKeys(ctx context.Context, links []string) (map[string]int, error) {
	keys := map[string]int{}
	for _, link := range links {
		response, err := product.Download(ctx, link)
		if err != nil {
			return nil, err
		}
		err = addKeys(response.Body, keys)
		if err = errors.Join(err, response.Body.Close()); err != nil {
			return nil, fmt.Errorf("read %s: %w", link, err)
		}
	}
	return keys, nil
}

func addKeys(compressed io.Reader, keys map[string]int) error {
	plain, err := gzip.NewReader(compressed)
	if err != nil {
		return err
	}
	for rows := json.NewDecoder(plain); ; {
		var row struct{ ID string }
		if err := rows.Decode(&row); err != nil {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
		keys[row.ID]++
	}
}
