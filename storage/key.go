package storage

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxKey is S3's limit on a key, prefix included, in bytes.
const maxKey = 1024

// checkKey wants a clean relative path: parts that are neither empty nor dots,
// between single slashes. Stores with a file system below, and proxies in
// front, would otherwise make another object of it than the one meant.
func checkKey(key string) error {
	if key == "" {
		return fmt.Errorf("%w: it is empty", ErrInvalidKey)
	}
	if !utf8.ValidString(key) || strings.ContainsFunc(key, unicode.IsControl) || strings.Contains(key, `\`) {
		return fmt.Errorf("%w %q: control characters, backslashes and bytes that are no UTF-8 are not allowed", ErrInvalidKey, key)
	}
	for part := range strings.SplitSeq(key, "/") {
		if part == "" || part == "." || part == ".." {
			return fmt.Errorf("%w %q: empty parts, . and .. are not allowed", ErrInvalidKey, key)
		}
	}
	return nil
}

// name returns the object's name in the bucket: the prefix and the key.
func (b *Bucket) name(key string) (string, error) {
	if err := checkKey(key); err != nil {
		return "", err
	}
	name := b.place.prefix + key
	if len(name) > maxKey {
		return "", fmt.Errorf("%w: with the prefix it is longer than %d bytes", ErrInvalidKey, maxKey)
	}
	return name, nil
}

// folder returns the name in the bucket of all that is below prefix, with the
// closing slash that keeps "a" from meaning "ab" too.
func (b *Bucket) folder(prefix string) (string, error) {
	name, err := b.name(strings.TrimSuffix(prefix, "/"))
	if err != nil {
		return "", err
	}
	return name + "/", nil
}
