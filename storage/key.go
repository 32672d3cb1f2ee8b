package storage

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// maxKey is S3's limit on the length of a key, including the prefix, in bytes.
const maxKey = 1024

// checkKey returns an error unless key is a clean relative path: segments that are
// neither empty nor dots, between single slashes. Stores on a file system and proxies
// would map other keys to another object.
func checkKey(key string) error {
	if key == "" {
		return fmt.Errorf("%w: it must not be empty", ErrInvalidKey)
	}
	if !utf8.ValidString(key) || strings.ContainsFunc(key, unicode.IsControl) || strings.Contains(key, `\`) {
		return fmt.Errorf("%w %q: it must be UTF-8 without control characters and backslashes", ErrInvalidKey, key)
	}
	for segment := range strings.SplitSeq(key, "/") {
		if segment == "" || segment == "." || segment == ".." {
			return fmt.Errorf("%w %q: empty segments and the segments . and .. are not allowed", ErrInvalidKey, key)
		}
	}
	return nil
}

// name returns the object's name in the bucket: the prefix and the key.
func (b *Bucket) name(key string) (string, error) {
	if err := checkKey(key); err != nil {
		return "", err
	}
	name := b.config.prefix + key
	if len(name) > maxKey {
		return "", fmt.Errorf("%w: it must not be longer than %d bytes with the prefix", ErrInvalidKey, maxKey)
	}
	return name, nil
}

// folder returns the prefix in the bucket of all keys below prefix. It ends in a slash,
// so that "a" does not match "ab".
func (b *Bucket) folder(prefix string) (string, error) {
	name, err := b.name(strings.TrimSuffix(prefix, "/"))
	if err != nil {
		return "", err
	}
	return name + "/", nil
}
