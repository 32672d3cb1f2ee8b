package fetch

import (
	"context"
	"net/url"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/fetch/remote"
)

func TestLimiter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLimiter(8)
		running := func() (n int) {
			for ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond); ; n++ {
				if l.acquire(ctx) != nil {
					cancel()
					return n
				}
			}
		}
		release := func(n int, success bool) {
			for range n {
				l.release(success)
			}
		}
		require.Equal(t, 8, running())

		// Requests that are rejected together count once.
		for range 8 {
			l.Congested()
		}
		release(8, false)
		require.Equal(t, 4, running())
		for range 5 {
			time.Sleep(minCutInterval)
			l.Congested()
		}
		release(4, false)
		require.Equal(t, 1, running(), "one always runs")

		// It grows by one with each success, up to the maximum.
		all := 1
		for _, want := range []int{2, 3, 4, 5, 6, 7, 8, 8} {
			l.release(true)
			all += running() - 1
			require.Equal(t, want, all)
		}
	})
}

func TestLimiterWakes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLimiter(1)
		require.NoError(t, l.acquire(t.Context()))
		got := make(chan error)
		go func() { got <- l.acquire(t.Context()) }()
		synctest.Wait()
		l.release(false)
		require.NoError(t, <-got)
	})
}

func TestQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		small, large, unknown, last := &file{Size: 1}, &file{Size: 9}, &file{Size: -1}, &file{Size: 5}
		for ordered, want := range map[bool][]*file{true: {small, unknown, large, last, nil, nil}, false: {large, small, unknown, last, nil, nil}} {
			q := newQueue(ordered)
			q.push([]*file{small, unknown, large})
			for i, f := range want {
				if i == 3 {
					go func() {
						time.Sleep(time.Second)
						q.push([]*file{last})
						q.close()
					}()
				}
				got, err := q.pop(t.Context())
				require.NoError(t, err)
				require.Same(t, f, got, "%v %d", ordered, i)
			}
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := newQueue(true).pop(ctx)
		require.ErrorIs(t, err, context.DeadlineExceeded)
	})
}

func TestNames(t *testing.T) {
	t.Parallel()
	add := func(n *namer, section remote.Section, kind, link string) string {
		return n.name(&file{Section: section, Type: kind, Link: link})
	}
	n := newNamer(false, []*export{{Files: []*file{
		{Section: remote.Output, Type: "Patient", Name: "Patient.0001.ndjson"}, {Section: remote.Output, Type: "Patient"},
	}}})
	require.Equal(t, "Patient.0002.ndjson", add(n, remote.Output, "Patient", ""))
	require.Equal(t, "Group.0001.ndjson", add(n, remote.Output, "Group", ""))
	require.Equal(t, "patient.0003.ndjson", add(n, remote.Output, "patient", ""))
	require.Equal(t, "deleted/Bundle.0001.ndjson", add(n, remote.Deleted, "", ""))
	require.Equal(t, "error/OperationOutcome.0001.ndjson", add(n, remote.Errors, "../x", ""))
	require.Equal(t, "Resource.0001.ndjson", add(n, remote.Output, "a/b", ""))

	n = newNamer(true, nil)
	require.Equal(t, "a.ndjson", add(n, remote.Output, "Patient", "https://h/x/a.ndjson.gz"))
	require.Equal(t, "A-2.ndjson", add(n, remote.Output, "Patient", "https://h/y/A.ndjson"))
	require.Equal(t, "deleted/a.ndjson", add(n, remote.Deleted, "Bundle", "https://h/y/a.ndjson"))
	require.Equal(t, "b c", add(n, remote.Output, "Patient", "https://h/b%20c"))
	for _, unfit := range []string{"", "..", ".", "%2e%2e", "a%5cb", "CON", "nul.ndjson", "manifest.json", "Deleted", "x.part", "x.bad", ".hidden", "a%00b", "a%0ab", "x:y", "a.", "ä"} {
		require.Regexp(t, `^Patient\.00\d\d\.ndjson$`, add(n, remote.Output, "Patient", "https://h/"+unfit), unfit)
	}
}

func TestWithoutQueries(t *testing.T) {
	t.Parallel()
	require.Equal(t, `Get "https://h/a": EOF; see http://b/c and d?e=f`, withoutQueries(`Get "https://h/a?X-Amz-Signature=secret": EOF; see http://b/c?d=e and d?e=f`))
	u, err := url.Parse("https://user:secret@h/a%2Fb?c=secret#secret")
	require.NoError(t, err)
	require.Equal(t, "https://h/a%2Fb", withoutQuery(u))
}
