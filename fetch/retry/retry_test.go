package retry_test

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-90096f4d/sluice/fetch/retry"
)

func TestAfter(t *testing.T) {
	now := time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
	tests := []struct {
		name, after, date string
		want              time.Duration
		ok                bool
	}{
		{name: "absent"},
		{name: "seconds", after: "120", want: 2 * time.Minute, ok: true},
		{name: "spaces", after: " 7 ", want: 7 * time.Second, ok: true},
		{name: "zero", after: "0", ok: true},
		{name: "negative", after: "-5"},
		{name: "fraction", after: "1.5"},
		{name: "words", after: "soon"},
		{name: "overflow", after: "99999999999999999999", want: 365 * 24 * time.Hour, ok: true},
		{name: "overflow of nanoseconds", after: "9999999999999", want: 365 * 24 * time.Hour, ok: true},
		{name: "date", after: "Mon, 30 Nov 2026 12:01:30 GMT", want: 90 * time.Second, ok: true},
		{name: "date in the past", after: "Mon, 30 Nov 2026 11:00:00 GMT", ok: true},
		{
			name: "date by the server's clock, which is an hour slow", after: "Mon, 30 Nov 2026 11:00:30 GMT",
			date: "Mon, 30 Nov 2026 11:00:00 GMT", want: 30 * time.Second, ok: true,
		},
		{name: "date of RFC 850", after: "Monday, 30-Nov-26 12:00:10 GMT", want: 10 * time.Second, ok: true},
		{name: "invalid Date", after: "Mon, 30 Nov 2026 12:00:10 GMT", date: "today", want: 10 * time.Second, ok: true},
		{name: "far date", after: "Fri, 30 Nov 2126 12:00:00 GMT", want: 365 * 24 * time.Hour, ok: true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			h := http.Header{}
			if test.after != "" {
				h.Set("Retry-After", test.after)
			}
			if test.date != "" {
				h.Set("Date", test.date)
			}
			got, ok := retry.After(h, now)
			if got != test.want || ok != test.ok {
				t.Errorf("After = %v, %v, want %v, %v", got, ok, test.want, test.ok)
			}
		})
	}
}

func TestBackoff(t *testing.T) {
	b := retry.Backoff{Min: 2 * time.Second, Max: time.Minute}
	want := []time.Duration{2, 4, 8, 16, 32, 60, 60}
	for i, seconds := range want {
		if got := b.Next(i + 1); got != seconds*time.Second {
			t.Errorf("Next(%d) = %v, want %v", i+1, got, seconds*time.Second)
		}
	}
	if got := b.Next(1_000_000); got != time.Minute {
		t.Errorf("Next(1000000) = %v, want 1m", got)
	}
	if got := b.Next(0); got != 2*time.Second {
		t.Errorf("Next(0) = %v, want 2s", got)
	}
}

func TestJitter(t *testing.T) {
	tests := []struct {
		name     string
		b        retry.Backoff
		failures int
		from, to time.Duration
	}{
		{"20 %", retry.Backoff{Min: time.Second, Max: time.Minute, Jitter: 0.2}, 4, 6400 * time.Millisecond, 9600 * time.Millisecond},
		{"not below Min", retry.Backoff{Min: time.Second, Max: time.Minute, Jitter: 0.2}, 1, time.Second, 1200 * time.Millisecond},
		{"not above Max", retry.Backoff{Min: time.Second, Max: time.Minute, Jitter: 0.2}, 9, 48 * time.Second, time.Minute},
		{"full", retry.Backoff{Min: time.Second, Max: time.Minute, Jitter: 1}, 4, time.Second, 16 * time.Second},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			within(t, test.from, test.to, func() time.Duration { return test.b.Next(test.failures) })
		})
	}
	t.Run("later", func(t *testing.T) {
		within(t, 15*time.Second, 17*time.Second, func() time.Duration { return retry.Later(15*time.Second, 0.2) })
		within(t, 2*time.Second, 2*time.Second, func() time.Duration { return retry.Later(2*time.Second, 0.2) })
	})
}

// within draws many values and checks that they are in an interval and use its whole width.
func within(t *testing.T, from, to time.Duration, draw func() time.Duration) {
	t.Helper()
	least, greatest := to, from
	for range 2000 {
		d := draw()
		if d < from || d > to {
			t.Fatalf("wait of %v, want between %v and %v", d, from, to)
		}
		least, greatest = min(least, d), max(greatest, d)
	}
	if margin := (to - from) / 20; least > from+margin || greatest < to-margin {
		t.Errorf("waits between %v and %v, want between %v and %v", least, greatest, from, to)
	}
}

func TestSleep(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		if err := retry.Sleep(t.Context(), time.Hour); err != nil || time.Since(start) != time.Hour {
			t.Errorf("Sleep = %v after %v, want 1h", err, time.Since(start))
		}
		cause := errors.New("interrupted")
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Minute, func() { cancel(cause) })
		start = time.Now()
		if err := retry.Sleep(ctx, time.Hour); !errors.Is(err, cause) || time.Since(start) != time.Minute {
			t.Errorf("Sleep = %v after %v, want %v after 1m", err, time.Since(start), cause)
		}
		if err := retry.Sleep(ctx, 0); !errors.Is(err, cause) {
			t.Errorf("Sleep(0) with an ended context = %v, want %v", err, cause)
		}
	})
}
