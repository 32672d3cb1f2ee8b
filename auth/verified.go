package auth

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"strings"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
)

const (
	// verifiedTTL is how long a verified secret is accepted without being hashed
	// again.
	verifiedTTL = time.Minute

	// maxVerified bounds the number of verified secrets that are remembered.
	maxVerified = 1024
)

// loginKey identifies a login: a client id, the stored hashes of the client and
// the secret that was sent. It is an HMAC under a key of this process, so it
// reveals nothing about the secret without that key. A client whose hashes have
// changed has another key, so a change takes effect at once.
type loginKey [sha256.Size]byte

// verifiedSecrets remembers which secrets have been verified, for a short time.
// It only saves the hashing; whether the client exists, has expired or has
// changed is read from the database at each request.
type verifiedSecrets struct {
	key    [sha256.Size]byte
	logins *lru.Cache[loginKey, verifiedLogin]
}

// verifiedLogin is the hash that a secret belongs to, and until when it is accepted.
type verifiedLogin struct {
	hash  string
	until time.Time
}

func newVerifiedSecrets() *verifiedSecrets {
	logins, err := lru.New[loginKey, verifiedLogin](maxVerified)
	if err != nil {
		panic(err) // only for a size below 1
	}
	v := &verifiedSecrets{logins: logins}
	_, _ = rand.Read(v.key[:])
	return v
}

// loginKey returns the key of a login. Zero bytes separate the fields: neither
// ids nor hashes contain one.
func (v *verifiedSecrets) loginKey(id string, hashes []string, secret string) loginKey {
	mac := hmac.New(sha256.New, v.key[:])
	for _, field := range []string{id, "\x00", strings.Join(hashes, " "), "\x00", secret} {
		_, _ = mac.Write([]byte(field)) // a hash never fails
	}
	return loginKey(mac.Sum(nil))
}

// get returns the hash of a login that was added within verifiedTTL.
func (v *verifiedSecrets) get(login loginKey) (hash string, ok bool) {
	found, ok := v.logins.Get(login)
	return found.hash, ok && time.Now().Before(found.until)
}

func (v *verifiedSecrets) add(login loginKey, hash string) {
	v.logins.Add(login, verifiedLogin{hash, time.Now().Add(verifiedTTL)})
}
