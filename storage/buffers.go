package storage

import "sync"

// partSize is the size of each part of a multipart upload but the last: the minimum of
// S3, since each upload has two buffers of it.
const partSize = 5 << 20

// buffers are the two buffers of an upload: one is filled while the other is sent.
type buffers struct {
	pool  *sync.Pool
	taken [2]*[]byte
}

// forPart returns the buffer of the part with this number. An upload of one part uses
// only one.
func (b *buffers) forPart(number int) []byte {
	buf := &b.taken[number%len(b.taken)]
	if *buf == nil {
		*buf = b.pool.Get().(*[]byte)
	}
	return **buf
}

// giveBack returns the buffers to the pool.
func (b *buffers) giveBack() {
	for _, buf := range b.taken {
		if buf != nil {
			b.pool.Put(buf)
		}
	}
}

func newBuffer() any {
	buf := make([]byte, partSize)
	return &buf
}
