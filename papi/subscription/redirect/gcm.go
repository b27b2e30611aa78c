package redirect

import (
	"crypto/aes"
	"crypto/cipher"
	"encoding/base64"
	"io"
	"strconv"
	"strings"
)

// gcm is the scheme of new partners: v2.<kid>. and in base64url without padding nonce, ciphertext and tag of
// AES-256-GCM. The partner is authenticated with it, so a token made for one is none for another, even under the
// same key.
type gcm struct {
	first string // the id of the key that seals
	keys  map[string]cipher.AEAD
	aad   []byte
}

const version = "v2"

// strict takes one text for one token, which single use rests on: no line breaks, no stray bits at the end.
var strictURL, strictStd = base64.RawURLEncoding.Strict(), base64.StdEncoding.Strict()

func newGCM(keys []Key, partner int64) (*gcm, error) {
	g := &gcm{
		first: keys[0].ID,
		keys:  make(map[string]cipher.AEAD, len(keys)),
		aad:   []byte("ph-token-v2|" + strconv.FormatInt(partner, 10)),
	}
	for _, k := range keys {
		block, err := aes.NewCipher(k.Secret)
		if err != nil {
			return nil, err
		}
		if g.keys[k.ID], err = cipher.NewGCM(block); err != nil {
			return nil, err
		}
	}
	return g, nil
}

func (g *gcm) seal(plain []byte, random io.Reader) (string, error) {
	aead := g.keys[g.first]
	nonce := make([]byte, aead.NonceSize())
	if _, err := io.ReadFull(random, nonce); err != nil {
		return "", err
	}
	return version + "." + g.first + "." + strictURL.EncodeToString(aead.Seal(nonce, nonce, plain, g.aad)), nil
}

// open may end early where the key's id is unknown, for the id stands in the token for all to see.
func (g *gcm) open(token string) [][]byte {
	parts := strings.Split(token, ".")
	if len(parts) != 3 || parts[0] != version {
		return nil
	}
	aead, ok := g.keys[parts[1]]
	if !ok {
		return nil
	}
	sealed, ok := decode(strictURL, parts[2])
	if !ok || len(sealed) < aead.NonceSize() {
		return nil
	}
	plain, err := aead.Open(nil, sealed[:aead.NonceSize()], sealed[aead.NonceSize():], g.aad)
	if err != nil {
		return nil
	}
	return [][]byte{plain}
}

func decode(e *base64.Encoding, s string) ([]byte, bool) {
	if strings.ContainsAny(s, "\r\n") { // which encoding/base64 skips
		return nil, false
	}
	out, err := e.DecodeString(s)
	return out, err == nil
}
