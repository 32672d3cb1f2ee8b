package source_test

import (
	"context"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/source"
)

// Every server uses the same names of snapshots, and uses them again after a
// restart. A snapshot that only has the name is not the one that is meant.
func TestSnapshotOfTheSameName(t *testing.T) {
	t.Parallel()
	f := newFixture(t, aidbox("patient"))
	table := f.table(t, "Patient")
	sn := f.snapshot(t)
	name, _, found := strings.Cut(sn.ID, ".")
	require.True(t, found)
	_, server, found := strings.Cut(sn.ID, "@")
	require.True(t, found)

	for what, id := range map[string]string{
		"the name alone":              name,
		"held by another transaction": name + ".0123456789abcdef@" + server,
		"on another server":           regexp.MustCompile(`@\d+`).ReplaceAllString(sn.ID, "@1"),
	} {
		t.Run(what, func(t *testing.T) {
			err := scanAt(t.Context(), f.source, id, source.Scan{Table: table}, func(*source.Row) error { return nil })
			require.ErrorIs(t, err, source.ErrSnapshotGone)
			_, err = f.source.ImportSnapshot(t.Context(), func(context.Context) ([]string, error) { return []string{id}, nil })
			require.ErrorIs(t, err, source.ErrSnapshotGone)
		})
	}
	// The connections that were looked at are fit for use.
	require.NoError(t, scanAt(t.Context(), f.source, sn.ID, source.Scan{Table: table}, func(*source.Row) error { return nil }))
}

// A search for a server makes more connections than are allowed for a moment, and
// leaves no more than that.
func TestSearchLeavesNoConnections(t *testing.T) {
	t.Parallel()
	f := newFixture(t, aidbox("patient"))
	sn := f.snapshot(t)
	elsewhere := sn.ID[:strings.LastIndex(sn.ID, "@")+1] + "1"
	two := open(t, source.Config{URL: f.url, ApplicationName: "two", MaxConns: 2})
	for range 3 {
		_, err := two.OpenReader(t.Context(), elsewhere)
		require.ErrorIs(t, err, source.ErrSnapshotGone)
	}
	require.Eventually(t, func() bool {
		var count int
		err := f.db.QueryRow(t.Context(), `SELECT count(*) FROM pg_stat_activity
			WHERE datname = current_database() AND application_name LIKE 'two%'`).Scan(&count)
		return err == nil && count <= 2
	}, patience, 5*time.Millisecond)
}
