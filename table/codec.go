package table

import (
	"github.com/klauspost/compress/zstd"
	codec "github.com/parquet-go/parquet-go/compress/zstd"
)

// pageCodec compresses pages with zstd. Unlike the codec of parquet-go, it shares a few
// encoders among all open files, with a window no larger than most pages: an encoder takes
// 3 MiB instead of 18 MiB. Its level is the default: with the fastest, a pass takes two
// thirds of the time, and ids and references, which are most of a table, take 1.5 times the
// space.
type pageCodec struct{ codec.Codec }

// pages is the codec of all files.
var pages = &pageCodec{}

var encoder = func() *zstd.Encoder {
	e, err := zstd.NewWriter(nil,
		zstd.WithWindowSize(maxPageBytes), zstd.WithLowerEncoderMem(true),
		zstd.WithZeroFrames(true), zstd.WithEncoderCRC(false)) // a page has a checksum
	if err != nil {
		panic(err) // the options are valid
	}
	return e
}()

// Encode compresses a page. It is safe for concurrent use.
func (*pageCodec) Encode(dst, src []byte) ([]byte, error) {
	return encoder.EncodeAll(src, dst[:0]), nil
}
