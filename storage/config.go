package storage

import (
	"cmp"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strconv"
	"strings"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/encrypt"
	"github.com/minio/minio-go/v7/pkg/s3utils"
	"github.com/prometheus/client_golang/prometheus"
)

// defaultRegion is the region of signatures if none is configured. Without a region
// minio-go would ask the store for it, which many credentials do not permit.
const defaultRegion = "us-east-1"

// Config is the configuration of a bucket.
type Config struct {
	// URL is http(s)://key:secret@host:port/bucket/prefix?region=…&path-style=…
	//
	// Reserved characters of the key and the secret (/ + ? # @ :) must be
	// percent-encoded. Without key and secret, the credential chain of AWS is used:
	// AWS_ACCESS_KEY_ID and related variables, the shared files with AWS_PROFILE, web
	// identity, and the metadata service of the machine.
	//
	// The prefix may be empty. The region is, in this order, the option, the region in
	// the host name (Amazon), AWS_REGION or AWS_DEFAULT_REGION (only if the URL has no
	// credentials), us-east-1. path-style=true puts the bucket into the path, false
	// into the host name; the default is the host name for Amazon, Google and Aliyun
	// and the path for all others.
	URL string

	// PublicURL is the scheme://host[:port] of signed links, if clients reach the
	// store by another name than Sluice does. A proxy at that address must forward the
	// Host header unchanged, because it is signed. Empty means the endpoint of URL.
	PublicURL string

	// Encryption is the server-side encryption of objects: SSE-S3 with the store's own
	// keys, SSE-KMS with the bucket's key of the key service, or SSE-KMS:<key id>. Who
	// may read an object or has a link to it reads it decrypted. Empty means the
	// bucket's setting.
	Encryption string

	// Registry, if set, gets the metrics of requests to the store.
	Registry prometheus.Registerer
}

// parsedConfig is a parsed Config.
type parsedConfig struct {
	endpoint    *url.URL // only scheme and host
	public      *url.URL
	key, secret string // both or neither
	bucket      string
	prefix      string // empty or ending in a slash
	region      string
	lookup      minio.BucketLookupType
	encryption  encrypt.ServerSide // nil means the bucket's setting
}

// parse parses a Config. Its errors quote nothing of the URL, since a secret that is
// not percent-encoded can be in any part of it.
func parse(cfg Config) (parsedConfig, error) {
	u, err := url.Parse(cfg.URL)
	if err != nil {
		return parsedConfig{}, errors.New("invalid S3 URL; expected http(s)://key:secret@host:port/bucket/prefix with / + ? # @ : in key and secret percent-encoded")
	}

	if hasStrayAt(cfg.URL) {
		return parsedConfig{}, errors.New("the S3 URL has an @ after the host: percent-encode @ as %40, and / in key and secret as %2F")
	}

	p := parsedConfig{endpoint: &url.URL{Scheme: u.Scheme, Host: u.Host}}
	if err := checkEndpoint(u); err != nil {
		return parsedConfig{}, fmt.Errorf("the S3 URL %w", err)
	}
	if p.key, p.secret, err = keys(u.User); err != nil {
		return parsedConfig{}, err
	}
	if p.bucket, p.prefix, err = bucketAndPrefix(u.Path); err != nil {
		return parsedConfig{}, err
	}
	if err := p.options(u.RawQuery); err != nil {
		return parsedConfig{}, err
	}
	if p.encryption, err = encryption(cfg.Encryption); err != nil {
		return parsedConfig{}, err
	}
	if p.public, err = publicEndpoint(cfg.PublicURL, p.endpoint); err != nil {
		return parsedConfig{}, err
	}
	return p, nil
}

// hasStrayAt reports whether an @ follows the host of a URL. A slash in the secret has
// then probably made parts of the secret the host and the bucket, which errors show.
func hasStrayAt(rawURL string) bool {
	_, rest, _ := strings.Cut(rawURL, "://")
	i := strings.IndexAny(rest, "/?#")
	return i >= 0 && strings.Contains(rest[i:], "@")
}

// checkEndpoint returns an error unless u has a scheme of HTTP, a host and no fragment.
func checkEndpoint(u *url.URL) error {
	switch {
	case u.Scheme != "http" && u.Scheme != "https":
		return errors.New("must start with http:// or https://")
	case u.Hostname() == "":
		return errors.New("has no host")
	case u.Fragment != "":
		return errors.New("must not have a #fragment (percent-encode # in a secret as %23)")
	}
	return nil
}

// keys returns the access key and its secret, both or neither.
func keys(user *url.Userinfo) (key, secret string, err error) {
	secret, _ = user.Password()
	key = user.Username()
	if (key == "") != (secret == "") {
		return "", "", errors.New("the S3 URL must have both key and secret before the @, or neither")
	}
	return key, secret, nil
}

// bucketAndPrefix splits the path of the URL. A prefix ends in a slash.
func bucketAndPrefix(path string) (bucket, prefix string, err error) {
	bucket, prefix, _ = strings.Cut(strings.TrimPrefix(path, "/"), "/")
	if bucket == "" {
		return "", "", errors.New("the S3 URL has no bucket; it is the first segment of the path")
	}
	if s3utils.CheckValidBucketName(bucket) != nil {
		return "", "", errors.New("the bucket name in the S3 URL must be 3 to 63 letters, digits, dots and hyphens (percent-encode / in a secret as %2F)")
	}

	prefix = strings.TrimSuffix(prefix, "/")
	if prefix == "" {
		return bucket, "", nil
	}
	if checkKey(prefix) != nil {
		return "", "", errors.New("the prefix in the S3 URL must be a clean path: no empty segment, no . or .., no backslash, no control characters")
	}
	return bucket, prefix + "/", nil
}

// options parses the query of the URL and sets region and lookup.
func (p *parsedConfig) options(rawQuery string) error {
	query, err := url.ParseQuery(rawQuery)
	if err != nil {
		return errors.New("malformed options in the S3 URL")
	}
	for name, values := range query {
		if name != "region" && name != "path-style" {
			return errors.New("unknown option in the S3 URL; supported: region, path-style")
		}
		if len(values) > 1 {
			return fmt.Errorf("the S3 URL has option %s more than once", name)
		}
	}

	p.region = cmp.Or(query.Get("region"), s3utils.GetRegionFromURL(*p.endpoint))
	if p.region == "" && p.key == "" { // an unrelated AWS_REGION must not break the signatures for another store
		p.region = cmp.Or(os.Getenv("AWS_REGION"), os.Getenv("AWS_DEFAULT_REGION"))
	}
	p.region = cmp.Or(p.region, defaultRegion)
	if !query.Has("path-style") {
		return nil
	}
	path, err := strconv.ParseBool(query.Get("path-style"))
	if err != nil {
		return errors.New("path-style in the S3 URL must be true or false")
	}
	p.lookup = minio.BucketLookupDNS
	if path {
		p.lookup = minio.BucketLookupPath
	}
	return nil
}

// publicEndpoint parses PublicURL, or returns the fallback if it is empty.
func publicEndpoint(raw string, fallback *url.URL) (*url.URL, error) {
	if raw == "" {
		return fallback, nil
	}
	u, err := url.Parse(raw)
	if err != nil {
		return nil, errors.New("invalid public S3 URL; expected scheme://host or scheme://host:port")
	}
	if err := checkEndpoint(u); err != nil {
		return nil, fmt.Errorf("the public S3 URL %w", err)
	}
	if u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" {
		return nil, errors.New("the public S3 URL must be scheme://host or scheme://host:port without credentials, path and options")
	}
	return &url.URL{Scheme: u.Scheme, Host: u.Host}, nil
}

// Location identifies a bucket and prefix in the same way in all processes that use
// them. It has no secrets.
type Location struct {
	Endpoint string // scheme://host[:port], in lower case, without the scheme's default port
	Bucket   string
	Prefix   string // empty or ending in a slash
}

// Location returns the location of the objects.
func (b *Bucket) Location() Location {
	endpoint := *b.config.endpoint
	endpoint.Host = strings.ToLower(endpoint.Host)
	defaultPort := map[string]string{"http": ":80", "https": ":443"}[endpoint.Scheme]
	endpoint.Host = strings.TrimSuffix(endpoint.Host, defaultPort)
	return Location{Endpoint: endpoint.String(), Bucket: b.config.bucket, Prefix: b.config.prefix}
}
