package storage

import (
	"errors"
	"strings"

	"github.com/minio/minio-go/v7/pkg/encrypt"
)

// encryption parses Config.Encryption. It returns nil for the bucket's own setting.
func encryption(text string) (encrypt.ServerSide, error) {
	kind, keyID, named := strings.Cut(text, ":")
	switch {
	case text == "":
		return nil, nil
	case kind == "SSE-S3" && !named:
		return encrypt.NewSSE(), nil
	case kind == "SSE-KMS" && (!named || keyID != ""):
		return encrypt.NewSSEKMS(keyID, nil)
	}
	return nil, errors.New("the encryption must be SSE-S3, SSE-KMS or SSE-KMS:<key id>")
}
