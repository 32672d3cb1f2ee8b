package storage

import "sync"

// partSize is the size of a part of a multipart upload, but for the last one: the
// least that S3 allows, since each upload holds two of them.
const partSize = 5 << 20

// buffers are those of one upload: of two parts, that which is read and that
// which is sent.
type buffers struct {
	pool  *sync.Pool
	taken [2]*[]byte
}

// forPart is the buffer of the part with this number. An upload of one part
// takes only one.
func (b *buffers) forPart(number int) []byte {
	buf := &b.taken[number%len(b.taken)]
	if *buf == nil {
		*buf = b.pool.Get().(*[]byte)
	}
	return **buf
}

// giveBack lets other uploads have the buffers.
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
