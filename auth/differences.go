package auth

import (
	"crypto"
	"encoding/base64"
	"strings"
	"time"
)

// maxDetailBytes bounds one value in the details of a history entry.
const maxDetailBytes = 1000

// differences returns the properties of a client that differ, by name, as "old →
// new". Of a client that was added it has the new values, of one that was
// removed the old ones. It contains no secret and no hash of one.
func differences(before, after row) map[string]string {
	old, current := before.properties(), after.properties()
	found := map[string]string{}
	for name := range current {
		switch {
		case old[name] == current[name]:
		case before.ID == "":
			found[name] = current[name]
		case after.ID == "":
			found[name] = old[name]
		default:
			found[name] = old[name] + " → " + current[name]
		}
	}
	if before.Hash != nil && after.Hash != nil && *before.Hash != *after.Hash {
		found["secret"] = "replaced"
	}
	return found
}

// properties returns the properties of a client that the history may show.
func (r row) properties() map[string]string {
	properties := map[string]string{
		"scopes":                  strings.Join(r.Scopes, " "),
		"groups":                  "any",
		"expires":                 formatExpiry(r.ExpiresAt),
		"secret":                  "none",
		"secret expires":          formatExpiry(r.SecretExpiresAt),
		"previous secret expires": "none",
		"keys":                    r.fingerprints(),
		"jwks url":                "none",
		"dumps":                   Rate{r.Dumps}.String(),
		"kick-offs":               Rate{r.KickOffs}.String(),
		"requests":                Rate{r.Requests}.String(),
	}
	if r.Groups != nil {
		properties["groups"] = strings.Join(r.Groups, " ")
	}
	if r.Hash != nil {
		properties["secret"] = "set"
	}
	if r.PreviousHash != nil {
		properties["previous secret expires"] = formatExpiry(r.PreviousExpiresAt)
	}
	if r.KeysURL != nil {
		properties["jwks url"] = RedactURL(*r.KeysURL)
	}
	for name, text := range properties {
		properties[name] = strings.ToValidUTF8(text[:min(len(text), maxDetailBytes)], "")
	}
	return properties
}

// formatExpiry formats the time of an expiry; nil is never.
func formatExpiry(at *time.Time) string {
	if at == nil {
		return "never"
	}
	return at.UTC().Format(time.RFC3339)
}

// fingerprints returns the kids and thumbprints (RFC 7638) of the stored keys.
func (r row) fingerprints() string {
	keys, err := r.keys()
	if err != nil {
		return "unreadable"
	}
	var names []string
	for _, key := range keys {
		thumbprint, err := key.Thumbprint(crypto.SHA256)
		if err != nil {
			return "unreadable"
		}
		names = append(names, key.KeyID+"="+base64.RawURLEncoding.EncodeToString(thumbprint))
	}
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, " ")
}
