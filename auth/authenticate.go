package auth

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Authenticate returns the client that id and secret belong to, or
// ErrBadCredentials; with that, for the log alone, the ID of a client that does
// exist. An unknown id costs as much as a wrong secret, so that the
// time tells nobody which ids exist. Any other error is the database's, or that
// ctx ended while others were hashing, or ErrBusy: the credentials may well be
// right.
//
// The row is read at each call: a client that was removed or has expired, or
// whose secret or scopes changed, is seen at once. Within a minute after a
// secret was verified, the hashing is saved.
func (c *Clients) Authenticate(ctx context.Context, id, secret string, from Origin) (Client, error) {
	found, err := findClient(ctx, c.pool, id)
	if err != nil && !errors.Is(err, ErrNoClient) {
		return Client{}, fmt.Errorf("auth: authenticate: %w", err)
	}
	right, err := c.verify(ctx, id, found, secret, from)
	if err != nil {
		return Client{}, fmt.Errorf("auth: authenticate %q: %w", id, err)
	}
	if !right || found.ID != id {
		return Client{ID: found.ID}, ErrBadCredentials
	}

	client, err := found.client()
	if err != nil {
		return Client{}, fmt.Errorf("auth: authenticate: %w", err)
	}
	return client, nil
}

// hashes are those that a secret may fit now. They are none for a client that
// does not exist, has expired or has keys alone.
func (r row) hashes(now time.Time) []string {
	var hashes []string
	if r.ExpiresAt != nil && !now.Before(*r.ExpiresAt) {
		return nil
	}
	if r.Hash != nil && (r.SecretExpiresAt == nil || now.Before(*r.SecretExpiresAt)) {
		hashes = append(hashes, *r.Hash)
	}
	if r.PreviousHash != nil && r.PreviousExpiresAt != nil && now.Before(*r.PreviousExpiresAt) {
		hashes = append(hashes, *r.PreviousHash)
	}
	return hashes
}

// verify checks the secret against the row's hashes, or against what is known
// of it from the last minute. Requests that come together with the same id and
// secret cost one hash, whether it is the right one or not: id is the one that
// was asked for, so that one that does not exist costs the same.
func (c *Clients) verify(ctx context.Context, id string, found row, secret string, from Origin) (bool, error) {
	hashes := found.hashes(time.Now())
	if len(hashes) == 0 {
		hashes = []string{c.hasher.decoy}
	}
	if c.remembered(id, hashes, secret) {
		return true, nil
	}
	question := c.cache.mark(id, strings.Join(hashes, " "), secret)
	line := strconv.FormatBool(from.Known) // who is known does not wait with strangers
	answer := c.flight.DoChan(line+string(question[:]), func() (any, error) {
		return c.derive(context.WithoutCancel(ctx), id, hashes, secret, from)
	})
	select {
	case <-ctx.Done():
		return false, ctx.Err()
	case got := <-answer:
		right, _ := got.Val.(bool)
		return right, got.Err
	}
}

// derive finds out by hashing whether the secret fits one of the hashes.
func (c *Clients) derive(ctx context.Context, id string, hashes []string, secret string, from Origin) (bool, error) {
	if err := c.hasher.queue.enter(ctx, id, from); err != nil {
		return false, err
	}
	defer c.hasher.queue.leave()
	fits, err := c.hasher.verifyAny(hashes, secret)
	if err != nil || fits < 0 {
		return false, err
	}
	c.cache.add(c.cache.mark(id, hashes[fits], secret))
	return true, nil
}

// remembered tells whether the secret was found to fit one of the hashes.
func (c *Clients) remembered(id string, hashes []string, secret string) bool {
	for _, hash := range hashes {
		if c.cache.has(c.cache.mark(id, hash, secret)) {
			return true
		}
	}
	return false
}
