package auth

import (
	"crypto"
	"encoding/base64"
	"net/url"
	"strings"
	"time"
)

// maxFact bounds what is written of one fact, in bytes.
const maxFact = 1000

// differences tells what has become of a client: of each fact that is another
// now, what it was and what it is. Of one that was added it tells what it is, of
// one that was removed what it was. It holds no secret and no hash of one.
func differences(before, after row) map[string]string {
	was, is := before.facts(), after.facts()
	found := map[string]string{}
	for name := range is {
		switch {
		case was[name] == is[name]:
		case before.ID == "":
			found[name] = is[name]
		case after.ID == "":
			found[name] = was[name]
		default:
			found[name] = was[name] + " → " + is[name]
		}
	}
	if before.Hash != nil && after.Hash != nil && *before.Hash != *after.Hash {
		found["secret"] = "replaced"
	}
	return found
}

// facts are what may be known of a client, by name.
func (r row) facts() map[string]string {
	facts := map[string]string{
		"scopes":    strings.Join(r.Scopes, " "),
		"groups":    "any",
		"expires":   never(r.ExpiresAt),
		"secret":    "none",
		"keys":      r.fingerprints(),
		"keys at":   "nowhere",
		"dumps":     rateOf(r.Dumps).String(),
		"kick-offs": rateOf(r.KickOffs).String(),
		"requests":  rateOf(r.Requests).String(),
	}
	facts["secret expires"], facts["previous secret expires"] = never(r.SecretExpiresAt), "none"
	if r.Groups != nil {
		facts["groups"] = strings.Join(r.Groups, " ")
	}
	if r.Hash != nil {
		facts["secret"] = "set"
	}
	if r.PreviousHash != nil {
		facts["previous secret expires"] = never(r.PreviousExpiresAt)
	}
	if r.KeysURL != nil {
		facts["keys at"] = withoutQuery(*r.KeysURL)
	}
	for name, fact := range facts {
		facts[name] = strings.ToValidUTF8(fact[:min(len(fact), maxFact)], "")
	}
	return facts
}

// never writes a time; nil means that it never comes.
func never(at *time.Time) string {
	if at == nil {
		return "never"
	}
	return at.UTC().Format(time.RFC3339)
}

// fingerprints names the keys that are known inline by kid and thumbprint (RFC
// 7638).
func (r row) fingerprints() string {
	keys, err := r.keys()
	if err != nil {
		return "unreadable"
	}
	names := []string{}
	for _, key := range keys {
		print, err := key.Thumbprint(crypto.SHA256)
		if err != nil {
			return "unreadable"
		}
		names = append(names, key.KeyID+"="+base64.RawURLEncoding.EncodeToString(print))
	}
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, " ")
}

// withoutQuery leaves out of an address what may be a secret.
func withoutQuery(address string) string {
	u, err := url.Parse(address)
	if err != nil {
		return "unreadable"
	}
	u.RawQuery, u.User = "", nil
	return u.String()
}
