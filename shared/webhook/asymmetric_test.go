package webhook

import (
	"crypto/ed25519"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"strings"
	"testing"
	"time"
)

func quiet() *log.Logger { return log.New(io.Discard, "", 0) }

func encoded(prefix string, b []byte) string { return prefix + base64.StdEncoding.EncodeToString(b) }

// RFC 8032 §7.1, TEST 1: what is known of a seed is known of its webhook key.
func TestAsymmetricKey(t *testing.T) {
	seed, _ := hex.DecodeString("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
	public, _ := hex.DecodeString("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")
	for _, text := range []string{encoded("whsk_", seed), encoded("whsk_", append(seed[:32:32], public...))} {
		s, err := ParseSecret(text)
		if err != nil || s.Public() != encoded("whpk_", public) || s.IsZero() {
			t.Fatalf("%s, %v", s.Public(), err)
		}
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x"} {
			if shown := fmt.Sprintf(verb, s); strings.Contains(shown, text[6:20]) || strings.Contains(shown, "9d61b1") {
				t.Errorf("%s shows %s", verb, shown)
			}
		}
	}
	for name, text := range map[string]string{
		"short": encoded("whsk_", seed[:31]), "another's public key": encoded("whsk_", append(seed[:32:32], seed...)), "empty": "whsk_", "not Base64": "whsk_***",
		"a line break": encoded("whsk_", seed) + "\n", "the public one": encoded("whpk_", public),
	} {
		if _, err := ParseSecret(text); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
	for _, text := range []string{"", "whpk_", encoded("whsk_", public), encoded("whpk_", seed[:31])} {
		if _, err := ParsePublicKey(text); err == nil {
			t.Errorf("%q is taken", text)
		}
	}
}

// Who holds the public key alone verifies, beside a signature of the other scheme and during a rotation.
func TestAsymmetricSignature(t *testing.T) {
	now, body := time.Unix(1_700_000_000, 0), []byte(message)
	key := func(b byte) (Secret, PublicKey) {
		s, err := ParseSecret(encoded("whsk_", []byte(strings.Repeat(string(rune(b)), ed25519.SeedSize))))
		if err != nil {
			t.Fatal(err)
		}
		p, err := ParsePublicKey(s.Public())
		if err != nil {
			t.Fatal(err)
		}
		return s, p
	}
	ours, public := key('a')
	next, nextPublic := key('b')
	_, foreign := key('c')
	symmetric := secret(t, 24, 's')
	h := http.Header{}
	Sign(h, "id", now, body, symmetric, ours, next)
	if parts := strings.Fields(h.Get(HeaderSignature)); len(parts) != 3 || !strings.HasPrefix(parts[0], "v1,") || !strings.HasPrefix(parts[1], "v1a,") {
		t.Errorf("%v", parts)
	}
	for _, p := range []PublicKey{public, nextPublic} {
		if err := verifyPublic(h, body, foreign, p); err != nil {
			t.Error(err)
		}
	}
	for _, s := range []Secret{symmetric, ours} {
		if err := Verify(h, now, body, s); err != nil {
			t.Error(err)
		}
	}
	changed := h.Clone()
	changed.Set(HeaderID, "di")
	if err := verifyPublic(h, body, foreign); !errors.Is(err, ErrSignature) {
		t.Errorf("another's: %v", err)
	}
	for name, err := range map[string]error{
		"another id": verifyPublic(changed, body, public), "another body": verifyPublic(h, []byte("{}"), public), "no key": verifyPublic(h, body, PublicKey{}),
	} {
		if !errors.Is(err, ErrSignature) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// verifyPublic is what a receiver does that has the public keys alone.
func verifyPublic(h http.Header, body []byte, keys ...PublicKey) error {
	for _, k := range keys {
		for signature := range strings.FieldsSeq(h.Get(HeaderSignature)) {
			if k.verifies(h.Get(HeaderID), h.Get(HeaderTimestamp), body, signature) {
				return nil
			}
		}
	}
	return ErrSignature
}
