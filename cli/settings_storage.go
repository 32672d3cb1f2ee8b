package cli

import (
	"errors"
	"fmt"

	"github.com/seed-90096f4d/sluice/storage"
)

type storageSettings struct {
	S3URL        string `name:"s3-url" env:"SLUICE_S3_URL" placeholder:"URL" help:"Where files go: http(s)://key:secret@host:port/bucket/prefix?region=…. Without key and secret, the usual AWS ways of finding them are taken."`
	S3PublicURL  string `name:"s3-public-url" env:"SLUICE_S3_PUBLIC_URL" placeholder:"URL" help:"The scheme://host:port that clients reach the object store by, if it is another."`
	S3Encryption string `name:"s3-encryption" env:"SLUICE_S3_ENCRYPTION" placeholder:"KIND" help:"How the object store is told to encrypt: SSE-S3, SSE-KMS, or SSE-KMS:<key id>; without it, the bucket's own setting holds."`
}

// Validate asks for what has no default.
func (s *storageSettings) Validate() error {
	if s.S3URL == "" {
		return errors.New("no object storage: set SLUICE_S3_URL (--s3-url), such as https://key:secret@host/bucket/prefix")
	}
	return nil
}

func (s *storageSettings) open() (*storage.Bucket, error) {
	bucket, err := storage.Open(storage.Config{URL: s.S3URL, PublicURL: s.S3PublicURL, Encryption: s.S3Encryption})
	if err != nil {
		return nil, fmt.Errorf("SLUICE_S3_URL: %w", err)
	}
	return bucket, nil
}
