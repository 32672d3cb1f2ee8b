package cli

import (
	"errors"
	"io"
	"os"
	"os/signal"
	"syscall"
)

// errReaderGone means that the reader of standard output has gone, such as head when it has
// read enough. It is reported by the exit code only, as by other programs.
var errReaderGone = errors.New("the reader of standard output has gone")

// pipeWriter returns a writer to standard output whose error is errReaderGone if the reader
// has gone. Without it, the process would be killed at once.
func pipeWriter(stdout io.Writer) io.Writer {
	if _, ok := stdout.(*os.File); ok {
		signal.Ignore(syscall.SIGPIPE)
	}
	return &pipe{stdout}
}

type pipe struct{ io.Writer }

func (p *pipe) Write(b []byte) (int, error) {
	n, err := p.Writer.Write(b)
	if errors.Is(err, syscall.EPIPE) {
		err = errReaderGone
	}
	return n, err
}
