package cli

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
	"golang.org/x/term"
)

// openTerminal returns the two ends of a new terminal: what a person types is written to
// the first, and the second is the standard input of a program.
func openTerminal(t *testing.T) (keyboard, input *os.File) {
	t.Helper()
	open := func(name string) *os.File {
		fd, err := unix.Open(name, unix.O_RDWR|unix.O_NOCTTY, 0)
		require.NoError(t, err)
		file := os.NewFile(uintptr(fd), name)
		t.Cleanup(func() { _ = file.Close() })
		return file
	}
	keyboard = open("/dev/ptmx")
	require.NoError(t, unix.IoctlSetPointerInt(int(keyboard.Fd()), unix.TIOCSPTLCK, 0))
	n, err := unix.IoctlGetInt(int(keyboard.Fd()), unix.TIOCGPTN)
	require.NoError(t, err)
	return keyboard, open(fmt.Sprintf("/dev/pts/%d", n))
}

// echoes reports whether a terminal shows what is typed.
func echoes(t *testing.T, terminal *os.File) bool {
	t.Helper()
	state, err := unix.IoctlGetTermios(int(terminal.Fd()), unix.TCGETS)
	require.NoError(t, err)
	return state.Lflag&unix.ECHO != 0
}

// A prompt for a secret shows nothing of what is typed. Ctrl-C ends it, and the terminal is
// as it was.
func TestPromptForSecret(t *testing.T) {
	t.Parallel()
	type answer struct {
		secret string
		err    error
	}
	for _, interrupted := range []bool{false, true} {
		keyboard, input := openTerminal(t)
		require.True(t, term.IsTerminal(int(input.Fd())))
		before, err := term.GetState(int(input.Fd()))
		require.NoError(t, err)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		answers := make(chan answer, 1)
		var stderr bytes.Buffer
		go func() {
			secret, err := readSecret(ctx, &output{stdin: input, stderr: &stderr})
			answers <- answer{secret, err}
		}()
		require.Eventually(t, func() bool { return !echoes(t, keyboard) }, 2*time.Minute, time.Millisecond)
		if interrupted {
			cancel() // what main does upon SIGINT
		} else {
			_, err := keyboard.WriteString("s3cret\n")
			require.NoError(t, err)
		}
		select {
		case got := <-answers:
			require.Equal(t, "Secret: \n", stderr.String())
			if interrupted {
				require.ErrorIs(t, got.err, context.Canceled)
			} else {
				require.NoError(t, got.err)
				require.Equal(t, "s3cret", got.secret)
			}
		case <-time.After(2 * time.Minute):
			require.Fail(t, "the prompt does not end")
		}
		after, err := term.GetState(int(input.Fd()))
		require.NoError(t, err)
		require.Equal(t, before, after)
	}
}
