package catalogue

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"puente/shared/webhook"
)

// Secret is a value that an operator gives and nobody reads back. A document holds it in clear once;
// afterwards it holds its fingerprint, and keeps it.
type Secret struct {
	value       string // empty in what was read back, until the store adds it
	fingerprint string
}

const fingerprinted = "sha256:"

// NewSecret is a secret in clear. That of an asymmetric key, whsk_…, is named by its public one, whpk_…, which its
// partner needs.
func NewSecret(value string) Secret {
	if key, err := webhook.ParseSecret(value); err == nil && key.Public() != "" {
		return Secret{value: value, fingerprint: key.Public()}
	}
	sum := sha256.Sum256([]byte(value))
	return Secret{value: value, fingerprint: fingerprinted + hex.EncodeToString(sum[:])}
}

// Reveal gives the value. Callers do not log it.
func (s Secret) Reveal() string { return s.value }

// Fingerprint names the secret; it tells nothing of one that is random.
func (s Secret) Fingerprint() string { return s.fingerprint }

// asymmetric reports whether it is the private half of a key.
func (s Secret) asymmetric() bool { return strings.HasPrefix(s.fingerprint, "whpk_") }

// String keeps a secret out of logs.
func (s Secret) String() string { return s.fingerprint }

// Is reports whether value is the secret, by its hash, in constant time.
func (s Secret) Is(value string) bool {
	return subtle.ConstantTimeCompare([]byte(NewSecret(value).fingerprint), []byte(s.fingerprint)) == 1
}

// UnmarshalJSONFrom takes a secret in clear, or the fingerprint of one that is kept.
func (s *Secret) UnmarshalJSONFrom(d *jsontext.Decoder) error {
	token, err := d.ReadToken()
	if err != nil {
		return err
	}
	if token.Kind() != '"' {
		return errors.New("must be a string")
	}
	text := token.String()
	sum, ok := strings.CutPrefix(text, fingerprinted)
	if raw, err := hex.DecodeString(sum); ok && err == nil && len(raw) == sha256.Size {
		*s = Secret{fingerprint: text}
		return nil
	}
	if _, err := webhook.ParsePublicKey(text); err == nil {
		*s = Secret{fingerprint: text}
		return nil
	}
	*s = NewSecret(text)
	return nil
}

// MarshalJSONTo writes the fingerprint.
func (s Secret) MarshalJSONTo(e *jsontext.Encoder) error {
	return e.WriteToken(jsontext.String(s.fingerprint))
}
