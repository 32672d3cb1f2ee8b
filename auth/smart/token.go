package smart

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/seed-90096f4d/sluice/auth"
)

// tokenBytes is the length of an access token: 256 random bits.
const tokenBytes = 32

// Token is an access token that was issued.
type Token struct {
	Value    string
	ClientID string
	Scopes   auth.Scopes
	TTL      time.Duration
}

// hashToken returns what is stored of a token. A token is random, so its SHA-256
// needs no salt.
func hashToken(value string) []byte {
	sum := sha256.Sum256([]byte(value))
	return sum[:]
}

const insertToken = `
INSERT INTO sluice.token (hash, client_id, scopes, secret_id, expires_at)
VALUES ($1, $2, $3, $5, least(now() + $4::bigint * interval '1 microsecond', (SELECT expires_at FROM sluice.client WHERE id = $2)))`

// insert stores a new token of the client. It expires no later than the client and the
// secret that authenticated it.
func (t *Tokens) insert(ctx context.Context, tx pgx.Tx, client auth.Client, scopes auth.Scopes) (Token, error) {
	random := make([]byte, tokenBytes)
	_, _ = rand.Read(random) // never fails: crypto/rand ends the process instead
	token := Token{Value: base64.RawURLEncoding.EncodeToString(random), ClientID: client.ID, Scopes: scopes, TTL: t.ttl}
	_, err := tx.Exec(ctx, insertToken, hashToken(token.Value), client.ID, scopes.Strings(), t.ttl.Microseconds(), client.SecretID)
	return token, err
}

// Find returns the client that a token was issued to, with the scopes that both
// the token and the client still have, or auth.ErrBadCredentials.
func (t *Tokens) Find(ctx context.Context, value string) (auth.Client, error) {
	if len(value) != base64.RawURLEncoding.EncodedLen(tokenBytes) {
		return auth.Client{}, auth.ErrBadCredentials
	}
	return t.clients.ByToken(ctx, hashToken(value))
}
