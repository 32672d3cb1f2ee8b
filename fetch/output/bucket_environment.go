package output

import (
	"cmp"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
	"github.com/minio/minio-go/v7/pkg/s3utils"
	"gopkg.in/ini.v1"
)

// environment is how a store is reached, by the variables and files of AWS.
type environment struct {
	endpoint    *url.URL
	region      string // empty: the store is asked, which only Amazon's answers
	credentials *credentials.Credentials
	transport   *http.Transport
}

// errNoCredentials means that there are no credentials in any of the places.
var errNoCredentials = errors.New("no S3 credentials; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, or run with a role")

// readEnvironment reads the environment.
func readEnvironment() (environment, error) {
	profile := readProfile()
	e := environment{
		region:      cmp.Or(os.Getenv("AWS_REGION"), os.Getenv("AWS_DEFAULT_REGION"), profile["region"]),
		credentials: credentials.New(&chain{credentials.Chain{Providers: providers()}}),
	}
	var err error
	raw := cmp.Or(os.Getenv("AWS_ENDPOINT_URL_S3"), os.Getenv("AWS_ENDPOINT_URL"), profile["endpoint_url"], "https://s3.amazonaws.com")
	e.endpoint, err = url.Parse(raw)
	if err != nil || e.endpoint.Host == "" || e.endpoint.Scheme != "http" && e.endpoint.Scheme != "https" || strings.Trim(e.endpoint.Path, "/") != "" || e.endpoint.User != nil {
		return e, errors.New("invalid S3 endpoint (AWS_ENDPOINT_URL_S3, AWS_ENDPOINT_URL); expected http(s)://host or http(s)://host:port")
	}
	if !s3utils.IsAmazonEndpoint(*e.endpoint) {
		e.region = cmp.Or(e.region, "us-east-1")
	}
	e.transport, err = newTransport(cmp.Or(os.Getenv("AWS_CA_BUNDLE"), profile["ca_bundle"]))
	return e, err
}

// providers returns the places of credentials, in the order of AWS.
func providers() []credentials.Provider {
	all := []credentials.Provider{&credentials.EnvAWS{}, &credentials.FileAWSCredentials{}}
	hasRole := os.Getenv("AWS_WEB_IDENTITY_TOKEN_FILE") != "" || os.Getenv("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI") != "" || os.Getenv("AWS_CONTAINER_CREDENTIALS_FULL_URI") != ""
	if hasRole || !strings.EqualFold(os.Getenv("AWS_EC2_METADATA_DISABLED"), "true") {
		all = append(all, &credentials.IAM{Client: &http.Client{Timeout: 10 * time.Second}})
	}
	return all
}

// chain is a chain of providers that fails if none has credentials. The one of minio-go
// would send requests without a signature, whose rejection misleads.
type chain struct{ credentials.Chain }

// RetrieveWithCredContext implements credentials.Provider.
func (c *chain) RetrieveWithCredContext(cc *credentials.CredContext) (credentials.Value, error) {
	value, err := c.Chain.RetrieveWithCredContext(cc)
	if err == nil && value.AccessKeyID == "" {
		return credentials.Value{}, errNoCredentials
	}
	return value, err
}

// readProfile returns the settings of the profile in the shared files of AWS.
func readProfile() map[string]string {
	profile := cmp.Or(os.Getenv("AWS_PROFILE"), os.Getenv("AWS_DEFAULT_PROFILE"), "default")
	home, _ := os.UserHomeDir() // without one there are no files
	settings := map[string]string{}
	for _, file := range []struct{ path, section string }{
		{cmp.Or(os.Getenv("AWS_CONFIG_FILE"), filepath.Join(home, ".aws", "config")), "profile " + profile},
		{cmp.Or(os.Getenv("AWS_SHARED_CREDENTIALS_FILE"), filepath.Join(home, ".aws", "credentials")), profile},
	} {
		content, err := ini.Load(file.path)
		if err != nil {
			continue // missing credentials are reported when they are needed
		}
		section := content.Section(file.section)
		if profile == "default" && len(section.Keys()) == 0 {
			section = content.Section(profile)
		}
		for _, key := range section.Keys() {
			settings[key.Name()] = key.Value()
		}
	}
	return settings
}

// newTransport returns a transport that trusts the certificates of a file, too.
func newTransport(caFile string) (*http.Transport, error) {
	transport, err := minio.DefaultTransport(true)
	if err != nil || caFile == "" {
		return transport, err
	}
	pem, err := os.ReadFile(caFile)
	if err != nil {
		return nil, fmt.Errorf("CA certificates of AWS_CA_BUNDLE: %w", err)
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("CA certificates of AWS_CA_BUNDLE: no certificate in PEM in %s", caFile)
	}
	transport.TLSClientConfig.RootCAs = pool
	return transport, nil
}
