// Package webhook sends events to addresses that others registered, signed as Standard Webhooks wants
// it (https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md), and
// verifies what is signed that way. It is a sender for package outbox, and judges answers by the
// partner hub's delivery table.
package webhook

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// The headers of a signed message.
const (
	HeaderID        = "Webhook-Id"
	HeaderTimestamp = "Webhook-Timestamp"
	HeaderSignature = "Webhook-Signature"
)

// Tolerance is how far a message's timestamp may be from the receiver's clock, in both directions.
const Tolerance = 5 * time.Minute

const (
	secretPrefix = "whsec_"
	leastSecret  = 24 // bytes
	mostSecret   = 64
	version      = "v1,"
)

// Secret signs messages. It is never printed: its members are not exported, and its methods hide it.
type Secret struct {
	key     []byte             // of v1
	private ed25519.PrivateKey // of v1a
}

// ParseSecret reads whsec_ and the Base64 of 24 to 64 bytes, which signs symmetrically (v1), or whsk_ and that of an
// Ed25519 key (v1a). Its errors do not repeat the text.
func ParseSecret(text string) (Secret, error) {
	if encoded, ok := strings.CutPrefix(text, privatePrefix); ok {
		return parsePrivate(encoded)
	}
	encoded, ok := strings.CutPrefix(text, secretPrefix)
	if !ok {
		return Secret{}, errors.New("webhook secret: must begin with whsec_ or whsk_")
	}
	key, err := base64.StdEncoding.Strict().DecodeString(encoded)
	if err != nil || strings.ContainsAny(encoded, "\r\n") { // which the decoder passes over
		return Secret{}, errors.New("webhook secret: must be Base64 after whsec_")
	}
	if len(key) < leastSecret || len(key) > mostSecret {
		return Secret{}, fmt.Errorf("webhook secret: must have %d to %d bytes", leastSecret, mostSecret)
	}
	return Secret{key: key}, nil
}

// String hides the secret.
func (Secret) String() string { return secretPrefix + "******" }

// GoString hides the secret from %#v.
func (s Secret) GoString() string { return s.String() }

// Format hides the secret from every verb.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(s.String())) } // fmt's own writer does not fail

// IsZero reports whether there is no secret.
func (s Secret) IsZero() bool { return len(s.key) == 0 && s.private == nil }

// signed is what a signature is of.
func signed(id, timestamp string, body []byte) []byte {
	return append([]byte(id+"."+timestamp+"."), body...)
}

func (s Secret) mac(content []byte) []byte {
	h := hmac.New(sha256.New, s.key)
	h.Write(content)
	return h.Sum(nil)
}

// signature is the secret's, with its version.
func (s Secret) signature(content []byte) string {
	if s.private != nil {
		return asymmetricVersion + base64.StdEncoding.EncodeToString(ed25519.Sign(s.private, content))
	}
	return version + base64.StdEncoding.EncodeToString(s.mac(content))
}

// Sign sets the three headers for a message. With several secrets, of a rotation or of both schemes, it has a
// signature by each.
func Sign(h http.Header, id string, at time.Time, body []byte, secrets ...Secret) {
	timestamp := strconv.FormatInt(at.Unix(), 10)
	signatures, content := make([]string, len(secrets)), signed(id, timestamp, body)
	for i, s := range secrets {
		signatures[i] = s.signature(content)
	}
	h.Set(HeaderID, id)
	h.Set(HeaderTimestamp, timestamp)
	h.Set(HeaderSignature, strings.Join(signatures, " "))
}

// The errors of Verify. A receiver that is not trusted with more is told that it was refused.
var (
	ErrIncomplete = errors.New("webhook: the message lacks a header of its signature")
	ErrStale      = errors.New("webhook: the timestamp is too far from now")
	ErrSignature  = errors.New("webhook: no signature is right")
)

// Verify checks that a message was signed by one of the secrets, within Tolerance of now. Signatures
// of other versions are passed over.
func Verify(h http.Header, now time.Time, body []byte, secrets ...Secret) error {
	id, timestamp, signatures := h.Get(HeaderID), h.Get(HeaderTimestamp), h.Get(HeaderSignature)
	if id == "" || timestamp == "" || signatures == "" {
		return ErrIncomplete
	}
	seconds, err := strconv.ParseInt(timestamp, 10, 64)
	if err != nil {
		return ErrStale
	}
	if at := time.Unix(seconds, 0); at.Before(now.Add(-Tolerance)) || at.After(now.Add(Tolerance)) {
		return ErrStale
	}
	for _, s := range secrets {
		for signature := range strings.FieldsSeq(signatures) {
			if s.verifies(id, timestamp, body, signature) {
				return nil
			}
		}
	}
	return ErrSignature
}

func (s Secret) verifies(id, timestamp string, body []byte, signature string) bool {
	if s.private != nil {
		return PublicKey{s.private.Public().(ed25519.PublicKey)}.verifies(id, timestamp, body, signature)
	}
	encoded, ok := strings.CutPrefix(signature, version)
	if !ok || s.IsZero() {
		return false
	}
	got, err := base64.StdEncoding.DecodeString(encoded)
	return err == nil && hmac.Equal(got, s.mac(signed(id, timestamp, body)))
}
