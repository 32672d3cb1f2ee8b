package storage

import (
	"net/http"
	"time"

	"github.com/minio/minio-go/v7/pkg/credentials"
)

// metadataTimeout is the timeout of a request to a metadata or token service, which
// never responds on a machine outside a cloud.
const metadataTimeout = 10 * time.Second

// credentials returns the credentials of the URL or else of AWS's
// credential chain, which are cached until they expire.
func (p *parsedConfig) credentials() *credentials.Credentials {
	if p.key != "" {
		return credentials.NewStaticV4(p.key, p.secret, "")
	}
	return credentials.New(&ambient{credentials.Chain{Providers: []credentials.Provider{
		&credentials.EnvAWS{},
		&credentials.FileAWSCredentials{},
		&credentials.IAM{Client: &http.Client{Timeout: metadataTimeout}},
	}}})
}

// ambient is a chain of providers that fails if none has a key. minio-go's chain would
// send unsigned requests, whose rejection misleads.
type ambient struct {
	credentials.Chain
}

// RetrieveWithCredContext implements credentials.Provider. credentials.Credentials does
// not call the other method, Retrieve.
func (a *ambient) RetrieveWithCredContext(cc *credentials.CredContext) (credentials.Value, error) {
	value, err := a.Chain.RetrieveWithCredContext(cc)
	if err == nil && value.AccessKeyID == "" {
		return credentials.Value{}, ErrNoCredentials
	}
	return value, err
}
