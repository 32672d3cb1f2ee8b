package storage

import (
	"net/http"
	"time"

	"github.com/minio/minio-go/v7/pkg/credentials"
)

// metadataTimeout bounds one question to a metadata service or token service,
// which on a machine outside any cloud never answers.
const metadataTimeout = 10 * time.Second

// credentials returns the key of the URL or, without one, what the usual AWS
// ways find. Found keys are kept until they expire.
func (p *place) credentials() *credentials.Credentials {
	if p.key != "" {
		return credentials.NewStaticV4(p.key, p.secret, "")
	}
	return credentials.New(&ambient{credentials.Chain{Providers: []credentials.Provider{
		&credentials.EnvAWS{},
		&credentials.FileAWSCredentials{},
		&credentials.IAM{Client: &http.Client{Timeout: metadataTimeout}},
	}}})
}

// ambient is a chain of providers that fails when none has a key. The plain
// chain goes on without signing, and the store's refusal then misleads.
type ambient struct {
	credentials.Chain
}

// RetrieveWithCredContext asks the chain.
func (a *ambient) RetrieveWithCredContext(cc *credentials.CredContext) (credentials.Value, error) {
	return known(a.Chain.RetrieveWithCredContext(cc))
}

// Retrieve asks the chain.
func (a *ambient) Retrieve() (credentials.Value, error) {
	return known(a.Chain.Retrieve())
}

// known refuses an empty key.
func known(value credentials.Value, err error) (credentials.Value, error) {
	if err == nil && value.AccessKeyID == "" {
		return credentials.Value{}, ErrNoCredentials
	}
	return value, err
}
