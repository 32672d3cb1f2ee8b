package auth

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Login is an attempt to authenticate with a client id and a secret.
type Login struct {
	ID, Secret string

	// Address is the network address it comes from, for the limiter.
	Address string
}

// LoginLimiter limits failed logins.
type LoginLimiter interface {
	// Take counts a failed login, or returns how long to wait before the next
	// attempt. An empty client counts for the address only.
	Take(client, address string) (wait time.Duration)

	// Refund takes back what Take has counted.
	Refund(client, address string)
}

// Authenticate returns the client that the id and secret belong to.
//
// The error is ErrBadCredentials for an unknown id and for a wrong secret, and a
// LimitError if too many logins have failed or are being verified; the returned client
// then has the ID of the client if it exists, for the log only. Any other error is
// about the database or ctx, and the credentials may be right.
//
// The cost depends on the form of the secret, not on the client. A secret of the
// form of NewSecret costs one SHA-256, and a right one is accepted whatever the
// limiter says. Any other secret costs one argon2id hash, unless it was verified
// within the last minute.
//
// The client is read from the database at each call: removal, expiry, rotation
// and changed scopes take effect at once.
func (c *Clients) Authenticate(ctx context.Context, login Login, limiter LoginLimiter) (Client, error) {
	found, err := find(ctx, c.pool, selectClient, login.ID)
	if err != nil && !errors.Is(err, ErrNoClient) {
		return Client{}, fmt.Errorf("auth: authenticate: %w", err)
	}
	hash, err := c.verify(ctx, login, found.validHashes(), limiter)
	if err != nil {
		// The ID of the login may be a secret in the wrong field: errors are logged.
		return Client{ID: found.ID}, fmt.Errorf("auth: authenticate: %w", err)
	}
	valid := hash != ""
	if valid && !isGenerated(login.Secret) {
		// The login may have waited for a hash, while the client was changed.
		before := found.validHashes()
		if found, err = find(ctx, c.pool, selectClient, login.ID); err != nil && !errors.Is(err, ErrNoClient) {
			return Client{}, fmt.Errorf("auth: authenticate: %w", err)
		}
		valid = slices.Equal(before, found.validHashes())
	}
	if !valid || found.ID == "" {
		return Client{ID: found.ID}, ErrBadCredentials
	}

	client, err := found.client()
	if err != nil {
		return Client{}, fmt.Errorf("auth: authenticate: %w", err)
	}
	client.SecretID = secretID(hash)
	return client, nil
}

// validHashes returns the stored hashes of the secrets that are valid now: none
// for a client that does not exist, has expired or has only keys, and two while
// a secret is being rotated.
func (r row) validHashes() []string {
	var hashes []string
	if r.expired() {
		return nil
	}
	if r.Hash != nil && (r.SecretExpiresAt == nil || r.ReadAt.Before(*r.SecretExpiresAt)) {
		hashes = append(hashes, *r.Hash)
	}
	if r.PreviousHash != nil && r.PreviousExpiresAt != nil && r.ReadAt.Before(*r.PreviousExpiresAt) {
		hashes = append(hashes, *r.PreviousHash)
	}
	return hashes
}

// verify verifies a secret and returns the hash that it belongs to, or "". Of those of the form of NewSecret only wrong ones are
// limited, and only per address: 256 random bits cannot be guessed, so failed guesses
// must not lock out the client, nor, as they are cheap, displace the counters of others.
func (c *Clients) verify(ctx context.Context, login Login, hashes []string, limiter LoginLimiter) (hash string, err error) {
	switch {
	case !isGenerated(login.Secret):
		return c.verifyChosen(ctx, login, hashes, limiter)
	case matchesGenerated(hashes, login.Secret):
		return hashGenerated(login.Secret), nil
	}
	return "", limitFailure(limiter, "", login.Address)
}

// verifyChosen verifies a secret that a person has chosen. Concurrent logins
// with the same secret share one hash, right or wrong.
func (c *Clients) verifyChosen(ctx context.Context, login Login, hashes []string, limiter LoginLimiter) (hash string, err error) {
	var chosen []string
	for _, hash := range hashes {
		if !strings.HasPrefix(hash, sha256Prefix) {
			chosen = append(chosen, hash)
		}
	}
	if len(chosen) == 0 {
		chosen = []string{dummyHash}
	}
	key := c.verified.loginKey(login.ID, chosen, login.Secret)
	if hash, ok := c.verified.get(key); ok {
		return hash, nil
	}
	// The hashing and its account do not end when the client leaves.
	result := c.inFlight.DoChan(string(key[:])+login.Address, func() (any, error) {
		return c.hashChosen(context.WithoutCancel(ctx), login, chosen, key, limiter)
	})
	select {
	case <-ctx.Done():
		return "", ctx.Err()
	case got := <-result:
		hash, _ := got.Val.(string)
		return hash, got.Err
	}
}

// hashChosen verifies a chosen secret by hashing it. The login counts as failed
// while it is being verified.
func (c *Clients) hashChosen(ctx context.Context, login Login, hashes []string, key loginKey, limiter LoginLimiter) (hash string, err error) {
	if hash, ok := c.verified.get(key); ok { // by a login that ended a moment ago
		return hash, nil
	}
	if err := limitFailure(limiter, login.ID, login.Address); err != nil {
		return "", err
	}
	hash, err = c.hasher.verify(ctx, hashes, login.Secret)
	if hash != "" || err != nil {
		limiter.Refund(login.ID, login.Address)
	}
	if hash != "" {
		c.verified.add(key, hash)
	}
	return hash, err
}

// limitFailure counts a failed login, or returns a LimitError.
func limitFailure(limiter LoginLimiter, client, address string) error {
	if wait := limiter.Take(client, address); wait > 0 {
		return &LimitError{Text: "too many failed logins", RetryAfter: wait}
	}
	return nil
}
