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
	return connectTo(t, server, databaseURL)
}

// connectTo is connect for a database that exists.
func connectTo(t *testing.T, server connpool.Server, databaseURL string) (*pgx.Conn, *counter) {
	t.Helper()
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

// A server that is known to send the stored form is only asked whether it still does.
func TestCheckKnownServer(t *testing.T) {
	t.Parallel()
	c := form.NewChooser(form.Auto, nil)
	conn, asked := connect(t, "1", true)
	check := func() (stored bool, queries int) {
		before := asked.queries
		stored, err := c.Check(t.Context(), conn)
		require.NoError(t, err)
		return stored, asked.queries - before
	}
	stored, queries := check()
	require.True(t, stored)
	require.Equal(t, 2, queries)
	stored, queries = check()
	require.True(t, stored)
	require.Equal(t, 1, queries)

	sourcetest.Execute(t, conn.Config().ConnString(), `DROP CAST (jsonb AS bytea)`)
	stored, _ = check()
	require.False(t, stored)
}

// A database in another encoding has a decision of its own, even on a known server.
func TestEncodings(t *testing.T) {
	t.Parallel()
	c := form.NewChooser(form.Auto, nil)
	conn, _ := connect(t, "1", true)
	stored, err := c.Stored(t.Context(), conn)
	require.NoError(t, err)
	require.True(t, stored)

	databaseURL := sourcetest.DatabaseIn(t, "LATIN1")
	sourcetest.CreateCast(t, databaseURL)
	conn, _ = connectTo(t, "1", databaseURL)
	stored, err = c.Stored(t.Context(), conn)
	require.NoError(t, err)
	require.False(t, stored)
}

// A snapshot still shows a cast that was dropped after it. The reason is nevertheless the
// missing cast.
func TestCastDroppedAfterSnapshot(t *testing.T) {
	t.Parallel()
	c := form.NewChooser(form.Auto, nil)
	conn, _ := connect(t, "1", true)
	_, err := conn.Exec(t.Context(), `BEGIN ISOLATION LEVEL REPEATABLE READ`)
	require.NoError(t, err)
	_, err = conn.Exec(t.Context(), `SELECT FROM pg_cast`)
	require.NoError(t, err)
	sourcetest.Execute(t, conn.Config().ConnString(), `DROP CAST (jsonb AS bytea)`)
	_, err = c.Check(t.Context(), conn)
	require.ErrorIs(t, err, form.ErrFormChanged)
	require.Equal(t, form.Decision{NoCast: true, Reason: "the source database has no cast from jsonb to bytea"}, c.Last())
}

// A decision is reported without a lock that others wait for.
func TestReportUnlocked(t *testing.T) {
	t.Parallel()
	var c *form.Chooser
	var last form.Decision
	c = form.NewChooser(form.Auto, func(form.Decision) { last = c.Last() })
	conn, _ := connect(t, "1", true)
	_, err := c.Check(t.Context(), conn)
	require.NoError(t, err)
	require.True(t, last.Stored)
}
