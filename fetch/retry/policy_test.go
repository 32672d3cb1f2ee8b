package retry_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-90096f4d/sluice/fetch/retry"
)

var policy = retry.Policy{
	Patience: 10 * time.Minute,
	Backoff:  retry.Backoff{Min: 2 * time.Second, Max: time.Minute, Jitter: 0.2},
	Longest:  5 * time.Minute,
}

// asks returns what a response with a status and a Retry-After asks for.
func asks(status int, after string) retry.Asked {
	h := http.Header{}
	if after != "" {
		h.Set("Retry-After", after)
	}
	return retry.AskedBy(status, h)
}

func TestWait(t *testing.T) {
	tests := []struct {
		name     string
		asked    retry.Asked
		from, to time.Duration
	}{
		{"nothing", asks(503, ""), 6400 * time.Millisecond, 9600 * time.Millisecond},
		{"zero", asks(503, "0"), time.Second, time.Second},
		{"seconds", asks(500, "10"), 10 * time.Second, 11 * time.Second},
		{"a day with 500", asks(500, "86400"), 5 * time.Minute, 5 * time.Minute},
		{"near the longest", asks(500, "290"), 290 * time.Second, 5 * time.Minute},
		{"a day with 503", asks(503, "86400"), 24 * time.Hour, 24*time.Hour + 24*time.Hour/5},
		{"a day with 429", asks(429, "86400"), 24 * time.Hour, 24*time.Hour + 24*time.Hour/5},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			within(t, test.from, test.to, func() time.Duration { return policy.Wait(3, test.asked) })
		})
	}
	if got := (retry.Policy{}).Wait(1, retry.Asked{}); got != time.Second {
		t.Errorf("wait of an empty policy = %v, want 1s", got)
	}
}

func TestAttempts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := policy.Begin()
		requireWait(t, a, retry.Asked{}, 2*time.Second, 2400*time.Millisecond)
		requireWait(t, a, retry.Asked{}, 3200*time.Millisecond, 4800*time.Millisecond)
		a.Progress()
		requireWait(t, a, retry.Asked{}, 2*time.Second, 2400*time.Millisecond)

		time.Sleep(9*time.Minute + 50*time.Second)
		requireWait(t, a, asks(503, "10"), 10*time.Second, 10*time.Second) // not after the end
		requireWait(t, a, asks(500, "3600"), 10*time.Second, 10*time.Second)
		if wait, again := a.Failed(asks(503, "11")); again {
			t.Errorf("waits %v although only 10s are left, want no repetition", wait)
		}
		time.Sleep(9900 * time.Millisecond)
		requireWait(t, a, retry.Asked{}, time.Second, time.Second)
		time.Sleep(time.Second)
		if wait, again := a.Failed(retry.Asked{}); again {
			t.Errorf("waits %v after the patience is over, want no repetition", wait)
		}
		if got := a.Failures(); got != 6 {
			t.Errorf("%d failures, want 6", got)
		}

		polls := policy
		polls.Overstay = true
		a = polls.Begin()
		requireWait(t, a, asks(429, "3600"), time.Hour, time.Hour+12*time.Minute)
		requireWait(t, a, asks(500, "3600"), 5*time.Minute, 5*time.Minute)
		time.Sleep(time.Hour)
		if wait, again := a.Failed(asks(429, "3600")); again {
			t.Errorf("waits %v after the patience is over, want no repetition", wait)
		}
	})
}

func requireWait(t *testing.T, a *retry.Attempts, asked retry.Asked, from, to time.Duration) {
	t.Helper()
	if got, again := a.Failed(asked); !again || got < from || got > to {
		t.Errorf("waits %v, repeated %v, want %v to %v", got, again, from, to)
	}
}

func TestRepeat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broken := errors.New("broken")
		temporary := func(after string) error {
			return &retry.Temporary{Err: broken, Asked: asks(503, after)}
		}
		tests := []struct {
			name   string
			errors []error
			want   error
			waits  int
		}{
			{"success", []error{temporary(""), temporary("5"), nil}, nil, 2},
			{"permanent", []error{temporary(""), io.EOF, nil}, io.EOF, 1},
			{"of another step", []error{fmt.Errorf("login: %w", temporary("")), nil}, broken, 0},
			{"too long a wait", []error{temporary("3600"), nil}, broken, 0},
		}
		for _, test := range tests {
			calls, waits := 0, 0
			err := policy.Repeat(t.Context(), func(error, time.Duration) { waits++ }, func() error {
				calls++
				return test.errors[calls-1]
			})
			if !errors.Is(err, test.want) || waits != test.waits || calls != waits+1 {
				t.Errorf("%s: %v after %d calls and %d waits, want %v after %d waits", test.name, err, calls, waits, test.want, test.waits)
			}
		}

		began := time.Now()
		err := policy.Repeat(t.Context(), func(error, time.Duration) {}, func() error { return temporary("") })
		if took := time.Since(began); !errors.Is(err, broken) || took < 10*time.Minute || took > 10*time.Minute+time.Second {
			t.Errorf("%v after %v, want %v after 10m", err, took, broken)
		}
		cause := errors.New("interrupted")
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Second, func() { cancel(cause) })
		if err := policy.Repeat(ctx, func(error, time.Duration) {}, func() error { return temporary("60") }); !errors.Is(err, cause) {
			t.Errorf("error %v, want %v", err, cause)
		}
	})
}
