package storage

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"strconv"
	"strings"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/encrypt"
	"github.com/minio/minio-go/v7/pkg/s3utils"
)

// defaultRegion signs requests where nothing names a region. Naming one always
// keeps minio-go from asking the store, which many credentials may not do.
const defaultRegion = "us-east-1"

// Config says where objects are kept.
type Config struct {
	// URL is http(s)://key:secret@host:port/bucket/prefix?region=…&path-style=…
	//
	// Reserved characters of the key and the secret (/ + ? # @ :) are
	// percent-encoded. Without key and secret, the usual AWS ways of finding
	// them are taken: AWS_ACCESS_KEY_ID and its companions, the shared files
	// with AWS_PROFILE, web identity, and the metadata service of the machine.
	//
	// The prefix may be empty. The region is, in this order, the option's, the
	// one in the host's name (Amazon), AWS_REGION or AWS_DEFAULT_REGION (only
	// when the URL has no credentials), us-east-1. path-style=true puts the
	// bucket into the path, false into the host's name; without it Amazon,
	// Google and Aliyun get the host's name and all others the path.
	URL string

	// PublicURL is the scheme://host[:port] that signed links are made for,
	// where clients reach the store under another name than Sluice does. A
	// proxy behind that name must pass the Host header on unchanged: it is
	// signed. Empty means the endpoint of URL.
	PublicURL string

	// Encryption is how the store is told to encrypt each object: SSE-S3 with
	// keys of its own, SSE-KMS with the bucket's key of the key service, or
	// SSE-KMS:<key id> with that one. Whoever may read an object, or has a link
	// to it, reads it in the clear. Empty leaves it to the bucket's setting.
	Encryption string
}

// place is a Config, understood.
type place struct {
	endpoint    *url.URL // scheme and host alone
	public      *url.URL
	key, secret string // both or none
	bucket      string
	prefix      string // "" or ending in a slash
	region      string
	lookup      minio.BucketLookupType
	encryption  encrypt.ServerSide // nil means none is asked for
}

// parse understands a Config. Its errors quote nothing of the URL: a secret
// that is not percent-encoded can end up in any part of it.
func parse(cfg Config) (place, error) {
	u, err := url.Parse(cfg.URL)
	if err != nil {
		return place{}, errors.New("the S3 URL can't be read: it is http(s)://key:secret@host:port/bucket/prefix, with / + ? # @ : in key and secret percent-encoded")
	}

	if hasStrayAt(cfg.URL) {
		return place{}, errors.New("the S3 URL has an @ after the host: percent-encode @ as %40, and / in key and secret as %2F")
	}

	p := place{endpoint: &url.URL{Scheme: u.Scheme, Host: u.Host}}
	if err := checkEndpoint(u); err != nil {
		return place{}, fmt.Errorf("the S3 URL %w", err)
	}
	if p.key, p.secret, err = keys(u.User); err != nil {
		return place{}, err
	}
	if p.bucket, p.prefix, err = bucketAndPrefix(u.Path); err != nil {
		return place{}, err
	}
	if err := p.options(u.RawQuery); err != nil {
		return place{}, err
	}
	if p.encryption, err = encryption(cfg.Encryption); err != nil {
		return place{}, err
	}
	if p.public, err = publicEndpoint(cfg.PublicURL, p.endpoint); err != nil {
		return place{}, err
	}
	return p, nil
}

// hasStrayAt reports whether an @ follows the host of a URL. Then a slash in the
// secret has probably made parts of it the host and the bucket, which errors show.
func hasStrayAt(rawURL string) bool {
	_, rest, _ := strings.Cut(rawURL, "://")
	i := strings.IndexAny(rest, "/?#")
	return i >= 0 && strings.Contains(rest[i:], "@")
}

// checkEndpoint wants http or https and a host.
func checkEndpoint(u *url.URL) error {
	switch {
	case u.Scheme != "http" && u.Scheme != "https":
		return errors.New("must start with http:// or https://")
	case u.Hostname() == "":
		return errors.New("names no host")
	case u.Fragment != "":
		return errors.New("must not have a #fragment; in a secret, write # as %23")
	}
	return nil
}

// keys takes the access key and its secret, both or none.
func keys(user *url.Userinfo) (key, secret string, err error) {
	secret, _ = user.Password()
	key = user.Username()
	if (key == "") != (secret == "") {
		return "", "", errors.New("the S3 URL needs both key and secret before the @, or neither")
	}
	return key, secret, nil
}

// bucketAndPrefix splits the path of the URL. The prefix gets a closing slash.
func bucketAndPrefix(path string) (bucket, prefix string, err error) {
	bucket, prefix, _ = strings.Cut(strings.TrimPrefix(path, "/"), "/")
	if bucket == "" {
		return "", "", errors.New("the S3 URL names no bucket: it is the first part of the path")
	}
	if s3utils.CheckValidBucketName(bucket) != nil {
		return "", "", errors.New("the S3 URL has a bucket name that S3 does not allow: 3 to 63 letters, digits, dots and hyphens (a / in the secret is written %2F)")
	}

	prefix = strings.TrimSuffix(prefix, "/")
	if prefix == "" {
		return bucket, "", nil
	}
	if checkKey(prefix) != nil {
		return "", "", errors.New("the S3 URL has a prefix that is no clean path: no empty part, no . or .., no backslash, no control characters")
	}
	return bucket, prefix + "/", nil
}

// options reads the query of the URL and sets region and lookup.
func (p *place) options(rawQuery string) error {
	query, err := url.ParseQuery(rawQuery)
	if err != nil {
		return errors.New("the options of the S3 URL can't be read")
	}
	for name, values := range query {
		if name != "region" && name != "path-style" {
			return errors.New("the S3 URL has an unknown option: there are region and path-style")
		}
		if len(values) > 1 {
			return fmt.Errorf("the S3 URL gives %s more than once", name)
		}
	}

	p.region = p.regionOr(query.Get("region"))
	if !query.Has("path-style") {
		return nil
	}
	path, err := strconv.ParseBool(query.Get("path-style"))
	if err != nil {
		return errors.New("path-style in the S3 URL is true or false")
	}
	p.lookup = minio.BucketLookupDNS
	if path {
		p.lookup = minio.BucketLookupPath
	}
	return nil
}

// regionOr returns the region asked for, or else the first that is known. The
// environment counts only for those who also take their credentials from it: a
// stray AWS_REGION must not break the signature for another store.
func (p *place) regionOr(asked string) string {
	candidates := []string{asked, s3utils.GetRegionFromURL(*p.endpoint)}
	if p.key == "" {
		candidates = append(candidates, os.Getenv("AWS_REGION"), os.Getenv("AWS_DEFAULT_REGION"))
	}
	for _, region := range candidates {
		if region != "" {
			return region
		}
	}
	return defaultRegion
}

// publicEndpoint reads PublicURL, or returns the fallback when it is empty.
func publicEndpoint(raw string, fallback *url.URL) (*url.URL, error) {
	if raw == "" {
		return fallback, nil
	}
	u, err := url.Parse(raw)
	if err != nil {
		return nil, errors.New("the public S3 URL can't be read: it is scheme://host or scheme://host:port")
	}
	if err := checkEndpoint(u); err != nil {
		return nil, fmt.Errorf("the public S3 URL %w", err)
	}
	if u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" {
		return nil, errors.New("the public S3 URL is scheme://host or scheme://host:port alone, without credentials, path and options")
	}
	return &url.URL{Scheme: u.Scheme, Host: u.Host}, nil
}

// Location is where a bucket keeps its objects, in words that are the same for all
// processes that keep them there. It holds no secrets.
type Location struct {
	Endpoint string // scheme://host[:port], in lower case, without the scheme's own port
	Bucket   string
	Prefix   string // empty or ending in a slash
}

// Location returns where the objects are.
func (b *Bucket) Location() Location {
	endpoint := *b.place.endpoint
	endpoint.Host = strings.ToLower(endpoint.Host)
	for scheme, port := range map[string]string{"http": ":80", "https": ":443"} {
		if endpoint.Scheme == scheme {
			endpoint.Host = strings.TrimSuffix(endpoint.Host, port)
		}
	}
	return Location{Endpoint: endpoint.String(), Bucket: b.place.bucket, Prefix: b.place.prefix}
}
