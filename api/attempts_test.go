package api

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/auth"
)

// guess fails until it has to wait, and returns how often it could.
func guess(a *attempts, client, address string) (failed int) {
	for ; failed < 1000; failed++ {
		begun, wait := a.begin(client, address, fmt.Sprint("guess ", failed))
		if wait > 0 {
			return failed
		}
		begun.failed()
	}
	return failed
}

// enter is what a client with the right credentials does.
func enter(a *attempts, client, address string) bool {
	begun, wait := a.begin(client, address, "the secret")
	if wait == 0 {
		begun.succeeded()
	}
	return wait == 0
}

func TestGuessing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := newAttempts(10)
		require.Equal(t, 10, guess(a, "a", "192.0.2.1"))
		require.Zero(t, guess(a, "b", "192.0.2.1"), "an address has failed enough, whatever the name")
		require.Zero(t, guess(a, "a", "192.0.2.2"), "so has a name, wherever from")
		require.Equal(t, 10, guess(a, "b", "192.0.2.2"))
		time.Sleep(time.Minute)
		require.Equal(t, 10, guess(a, "a", "192.0.2.1"))

		require.Equal(t, 10, guess(a, "c", "2001:db8::1"))
		require.Zero(t, guess(a, "d", "2001:db8::ffff:2"), "one network of IPv6 counts as one")
	})
}

// TestGuessingLocksNobodyOut: who was let in goes on to be.
func TestGuessingLocksNobodyOut(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := newAttempts(10)
		require.True(t, enter(a, "a", "192.0.2.1"))
		require.Equal(t, 10, guess(a, "a", "198.51.100.1"))
		require.True(t, enter(a, "a", "192.0.2.1"), "strangers guess its secret")
		require.Equal(t, 10, guess(a, "b", "192.0.2.1"))
		require.True(t, enter(a, "a", "192.0.2.1"), "a neighbour guesses another's")
		require.Equal(t, 10, guess(a, "a", "192.0.2.1"), "a neighbour guesses its own")
		require.False(t, enter(a, "a", "192.0.2.1"))
		time.Sleep(7 * time.Second)
		require.True(t, enter(a, "a", "192.0.2.1"), "which costs it seconds")

		for range 100 {
			require.True(t, enter(a, "c", "192.0.2.7"), "success is not counted")
			begun, wait := a.begin("d", "192.0.2.8", "the secret")
			require.Zero(t, wait)
			begun.undecided()
		}
		time.Sleep(auth.SightingLife + time.Minute)
		require.Equal(t, 10, guess(a, "a", "198.51.100.1"))
		require.False(t, enter(a, "a", "192.0.2.1"), "what was long ago is forgotten")
	})
}

// TestGuessingAtOnce: attempts that have not ended yet count.
func TestGuessingAtOnce(t *testing.T) {
	t.Parallel()
	a := newAttempts(10)
	begun := 0
	for range 100 {
		if _, wait := a.begin("a", "192.0.2.1", "guess"); wait == 0 {
			begun++
		}
	}
	require.Equal(t, 10, begun)
}

// TestGuessingAtOnceWhereKnown: beside a client, nobody guesses faster than
// anywhere; its own requests, which all prove the same, come through.
func TestGuessingAtOnceWhereKnown(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		a := newAttempts(10)
		require.True(t, enter(a, "a", "192.0.2.1"))
		var begun []*attempt
		for i := range 100 {
			if one, wait := a.begin("a", "192.0.2.1", fmt.Sprint("guess ", i)); wait == 0 {
				begun = append(begun, one)
			}
		}
		require.Len(t, begun, 10)
		for _, one := range begun {
			one.failed()
		}
		require.Zero(t, guess(a, "a", "192.0.2.1"))

		time.Sleep(time.Minute)
		begun = nil
		for range 100 {
			one, wait := a.begin("a", "192.0.2.1", "the secret")
			require.Zero(t, wait)
			begun = append(begun, one)
		}
		for _, one := range begun {
			one.succeeded()
		}
		require.Equal(t, 10, guess(a, "a", "192.0.2.1"), "and cost nothing")

		time.Sleep(time.Minute)
		begun = nil
		for range 100 {
			one, wait := a.begin("a", "192.0.2.1", "an old secret")
			require.Zero(t, wait)
			begun = append(begun, one)
		}
		for _, one := range begun {
			one.failed()
		}
		require.Zero(t, guess(a, "a", "192.0.2.1"), "each that fails counts")
		require.Empty(t, a.running)
	})
}
