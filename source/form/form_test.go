package form_test

import (
	"context"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/source/connpool"
	"github.com/seed-90096f4d/sluice/source/form"
	"github.com/seed-90096f4d/sluice/source/sourcetest"
)

// counter counts queries.
type counter struct{ queries int }

func (c *counter) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	c.queries++
	return ctx
}

func (*counter) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

// connect returns a connection that stands for one to a server of its own, with or
// without the cast.
func connect(t *testing.T, server connpool.Server, cast bool) (*pgx.Conn, *counter) {
	t.Helper()
	databaseURL := sourcetest.DatabaseIn(t, "UTF8")
	if cast {
		sourcetest.CreateCast(t, databaseURL)
	}
	config, err := pgx.ParseConfig(databaseURL)
	require.NoError(t, err)
	queries := &counter{}
	config.Tracer = queries
	conn, err := pgx.ConnectConfig(t.Context(), config)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	conn.PgConn().CustomData()["sluice.server"] = server
	require.Equal(t, server, connpool.ServerOf(conn))
	return conn, queries
}

// Each server of a database is asked once, and each has its own form. A decision is
// reported if it is new or differs from the last.
func TestServers(t *testing.T) {
	t.Parallel()
	var reported []string
	c := form.NewChooser(form.Auto, func(d form.Decision) { reported = append(reported, d.String()) })
	primary, ofPrimary := connect(t, "1", true)
	standby, ofStandby := connect(t, "2", true)
	other, ofOther := connect(t, "3", false)
	asked := 0
	for range 3 {
		for conn, want := range map[*pgx.Conn]bool{primary: true, standby: true, other: false} {
			stored, err := c.Stored(t.Context(), conn)
			require.NoError(t, err)
			require.Equal(t, want, stored)
		}
		total := ofPrimary.queries + ofStandby.queries + ofOther.queries
		if asked == 0 {
			asked = total
		}
		require.Equal(t, asked, total, "a server that is known is not asked")
	}
	require.ElementsMatch(t, []string{"stored", "text"}, reported[:2])
	require.LessOrEqual(t, len(reported), 3, "the order of the servers is random")
}
