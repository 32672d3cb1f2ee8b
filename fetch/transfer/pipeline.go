package transfer

import (
	"errors"
	"io"
	"sync"
	"sync/atomic"
)

const (
	// blockBytes is the size of a block, and maxBlocks the maximum number of blocks of a
	// download.
	blockBytes = 256 << 10
	maxBlocks  = 6
)

// blocks are blocks that are not in use.
var blocks = sync.Pool{New: func() any { return new([blockBytes]byte) }}

// pipeline passes the bytes of a response in blocks through two goroutines: the first one
// stores and hashes them, the second one unpacks and counts. The reader of the connection
// does not wait for either unless all blocks are in use.
type pipeline struct {
	free    chan []byte // nil: not allocated yet
	toStore chan []byte
	toRead  chan []byte // nil if there is no second goroutine

	running sync.WaitGroup
	failed  chan struct{} // closed when err is set
	fail    sync.Once
	err     error // of storing

	corrupt atomic.Pointer[error] // of unpacking
}

// startPipeline starts the goroutines. An error of store ends the pipeline. If inspect is
// not nil, it reads all bytes; its errors are content errors unless they are a storeError.
func startPipeline(store func([]byte) error, inspect func(io.Reader) error) *pipeline {
	p := &pipeline{free: make(chan []byte, maxBlocks), toStore: make(chan []byte, maxBlocks), failed: make(chan struct{})}
	for range maxBlocks {
		p.free <- nil
	}
	if inspect != nil {
		p.toRead = make(chan []byte, maxBlocks)
		p.running.Go(func() { p.inspectAll(inspect) })
	}
	p.running.Go(func() { p.storeAll(store) })
	return p
}

// storeError is an error of the output that occurs while the content is inspected.
type storeError struct{ error }

// Unwrap returns the error of the output.
func (e storeError) Unwrap() error { return e.error }

// block returns a block of blockBytes to fill, which is passed to put, also if it is empty.
func (p *pipeline) block() ([]byte, error) {
	select {
	case <-p.failed:
		return nil, p.err
	case b := <-p.free:
		if b == nil {
			b = blocks.Get().(*[blockBytes]byte)[:] // the pool has nothing else
		}
		return b[:blockBytes], nil
	}
}

// put passes a block on.
func (p *pipeline) put(b []byte) { p.toStore <- b } // there is room for all blocks

// close waits until all blocks are processed and returns the error of storing.
func (p *pipeline) close() error {
	close(p.toStore)
	p.running.Wait()
	close(p.free)
	for b := range p.free {
		if b != nil {
			blocks.Put((*[blockBytes]byte)(b[:blockBytes]))
		}
	}
	return p.err
}

// corruption returns the error of the content that was found so far.
func (p *pipeline) corruption() error {
	if err := p.corrupt.Load(); err != nil {
		return *err
	}
	return nil
}

// stop records the first error of storing.
func (p *pipeline) stop(err error) {
	p.fail.Do(func() {
		p.err = err
		close(p.failed)
	})
}

// storeAll is the first goroutine.
func (p *pipeline) storeAll(store func([]byte) error) {
	if p.toRead != nil {
		defer close(p.toRead)
	}
	stopped := false
	for b := range p.toStore {
		if !stopped {
			if err := store(b); err != nil {
				p.stop(err)
				stopped = true
			}
		}
		if p.toRead != nil {
			p.toRead <- b // there is room for all blocks
		} else {
			p.free <- b
		}
	}
}

// inspectAll is the second goroutine. After an error it still takes the blocks.
func (p *pipeline) inspectAll(inspect func(io.Reader) error) {
	r := &blockReader{in: p.toRead, free: p.free}
	if err := inspect(r); err != nil {
		var local storeError
		if errors.As(err, &local) {
			p.stop(local.error)
		} else {
			p.corrupt.Store(&err)
		}
	}
	r.drain()
}

// blockReader reads blocks as a stream and returns them when they are read.
type blockReader struct {
	in          <-chan []byte
	free        chan<- []byte
	block, rest []byte
}

// Read implements io.Reader.
func (r *blockReader) Read(p []byte) (int, error) {
	for len(r.rest) == 0 {
		if !r.next() {
			return 0, io.EOF
		}
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

// WriteTo implements io.WriterTo.
func (r *blockReader) WriteTo(w io.Writer) (total int64, err error) {
	for err == nil && (len(r.rest) > 0 || r.next()) {
		var n int
		n, err = w.Write(r.rest)
		total += int64(n)
		r.rest = r.rest[n:]
	}
	return total, err
}

// next receives the next block.
func (r *blockReader) next() bool {
	if r.block != nil {
		r.free <- r.block
		r.block = nil
	}
	b, ok := <-r.in
	if ok {
		r.block, r.rest = b, b
	}
	return ok
}

// drain takes all blocks that are left.
func (r *blockReader) drain() {
	for r.next() {
	}
}
