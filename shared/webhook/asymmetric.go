package webhook

import (
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"strings"
)

// The prefixes of the asymmetric scheme, Ed25519 (Standard Webhooks, "Signature scheme"): who verifies holds nothing
// that signs.
const (
	privatePrefix     = "whsk_"
	publicPrefix      = "whpk_"
	asymmetricVersion = "v1a,"
)

// parsePrivate reads Base64 of a seed of 32 bytes, or of a seed with its public key, 64.
func parsePrivate(encoded string) (Secret, error) {
	key, err := decode(encoded)
	switch {
	case err == nil && len(key) == ed25519.SeedSize:
		return Secret{private: ed25519.NewKeyFromSeed(key)}, nil
	case err == nil && len(key) == ed25519.PrivateKeySize:
		if private := ed25519.NewKeyFromSeed(key[:ed25519.SeedSize]); private.Equal(ed25519.PrivateKey(key)) {
			return Secret{private: private}, nil
		}
	}
	return Secret{}, errors.New("webhook key: must be whsk_ and Base64 of an Ed25519 seed of 32 bytes, or of seed and public key, 64 bytes")
}

// Public is the public key of an asymmetric secret, whpk_ and Base64; empty: it has none.
func (s Secret) Public() string {
	if s.private == nil {
		return ""
	}
	return publicPrefix + base64.StdEncoding.EncodeToString(s.private.Public().(ed25519.PublicKey))
}

// PublicKey verifies what its private key signed.
type PublicKey struct{ key ed25519.PublicKey }

// ParsePublicKey reads whpk_ and Base64 of 32 bytes.
func ParsePublicKey(text string) (PublicKey, error) {
	encoded, ok := strings.CutPrefix(text, publicPrefix)
	key, err := decode(encoded)
	if !ok || err != nil || len(key) != ed25519.PublicKeySize {
		return PublicKey{}, errors.New("webhook key: must be whpk_ and Base64 of 32 bytes")
	}
	return PublicKey{key}, nil
}

func (k PublicKey) verifies(id, timestamp string, body []byte, signature string) bool {
	encoded, ok := strings.CutPrefix(signature, asymmetricVersion)
	if !ok || len(k.key) != ed25519.PublicKeySize {
		return false
	}
	got, err := base64.StdEncoding.DecodeString(encoded)
	return err == nil && ed25519.Verify(k.key, signed(id, timestamp, body), got)
}

// decode reads Base64 without the line breaks that its decoder passes over.
func decode(encoded string) ([]byte, error) {
	if strings.ContainsAny(encoded, "\r\n") {
		return nil, errors.New("line break")
	}
	return base64.StdEncoding.Strict().DecodeString(encoded)
}
