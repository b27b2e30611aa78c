// Package keyring keeps what is secret at rest secret: it seals values under a ring of keys of
// which one seals and all open, so that keys can be replaced while everything runs; makes keyed
// hashes for what must be found but not read; and encrypts payloads between layers (JWE).
package keyring

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"regexp"
	"sync"

	"puente/shared/config"
)

// Key is one key of the ring.
type Key struct {
	ID     string        `yaml:"id"`     // 1 to 32 of a-z, 0-9 and -
	Secret config.Secret `yaml:"secret"` // base64 of 32 bytes
}

// Ring seals with its active key and opens with any. It is safe for concurrent use.
type Ring struct {
	active string
	sealer map[string]cipher.AEAD
	macs   sync.Pool // of *mac
}

var keyID = regexp.MustCompile(`^[a-z0-9-]{1,32}$`)

const keySize = 32

// New makes a ring. active is the ID of the key that seals. The first key also gives the key of
// MACs, which must stay the same for as long as what it hashed is to be found: a new key is
// appended, the first one stays first.
func New(keys []Key, active string) (*Ring, error) {
	r := &Ring{active: active, sealer: make(map[string]cipher.AEAD, len(keys))}
	var errs []error
	for i, k := range keys {
		secret, err := base64.StdEncoding.DecodeString(k.Secret.Reveal())
		switch {
		case !keyID.MatchString(k.ID):
			errs = append(errs, fmt.Errorf("keyring: ring[%d].id: must be 1 to 32 of a-z, 0-9 and -", i))
			continue
		case r.sealer[k.ID] != nil:
			errs = append(errs, fmt.Errorf("keyring: ring[%d].id: is given twice", i))
			continue
		case err != nil || len(secret) != keySize:
			errs = append(errs, fmt.Errorf("keyring: ring[%d].secret: must be base64 of %d bytes", i, keySize))
			continue
		}
		if r.sealer[k.ID], err = newGCM(derive(secret, "seal")); err != nil {
			errs = append(errs, fmt.Errorf("keyring: ring[%d]: %w", i, err))
		}
		if i == 0 {
			macKey := derive(secret, "mac")
			r.macs.New = func() any { return &mac{Hash: hmac.New(sha256.New, macKey)} }
		}
	}
	if len(errs) == 0 && r.sealer[active] == nil {
		errs = append(errs, errors.New("keyring: active: must be the id of a key of the ring"))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return r, nil
}

// derive makes a key for one use of a secret.
func derive(secret []byte, use string) []byte {
	key, err := hkdf.Key(sha256.New, secret, nil, "puente/"+use, keySize)
	if err != nil { // only for a length beyond HKDF's
		panic(err)
	}
	return key
}

func newGCM(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

// ErrSealed says that a sealed value does not open: it was altered, belongs to another record, or
// was sealed under a key that the ring does not have.
var ErrSealed = errors.New("keyring: the sealed value does not open")

// version begins every sealed value.
const version = 1

// Seal encrypts plain with AES-256-GCM. The value opens only under the same context, such as the
// table and column it stands in.
//
//	version(1) | length of key ID(1) | key ID | nonce(12) | ciphertext and tag
func (r *Ring) Seal(context string, plain []byte) []byte { return r.seal(r.active, context, plain) }

func (r *Ring) seal(id, context string, plain []byte) []byte {
	aead := r.sealer[id]
	size := 2 + len(id) + aead.NonceSize()
	sealed := make([]byte, size, size+len(plain)+aead.Overhead())
	sealed[0], sealed[1] = version, byte(len(id))
	copy(sealed[2:], id)
	nonce := sealed[2+len(id):]
	_, _ = rand.Read(nonce) // never fails (crypto/rand); a key is to be replaced before 2^32 seals (SP 800-38D §8.3)
	return aead.Seal(sealed, nonce, plain, additional(sealed[:2+len(id)], context))
}

// Open decrypts what Seal sealed under the same context.
func (r *Ring) Open(context string, sealed []byte) ([]byte, error) {
	if len(sealed) < 2 || sealed[0] != version || len(sealed) < 2+int(sealed[1]) {
		return nil, ErrSealed
	}
	head := sealed[:2+int(sealed[1])]
	aead := r.sealer[string(head[2:])]
	if aead == nil {
		return nil, fmt.Errorf("%w: no key %q", ErrSealed, head[2:])
	}
	rest := sealed[len(head):]
	if len(rest) < aead.NonceSize() {
		return nil, ErrSealed
	}
	plain, err := aead.Open(nil, rest[:aead.NonceSize()], rest[aead.NonceSize():], additional(head, context))
	if err != nil {
		return nil, ErrSealed
	}
	return plain, nil
}

func additional(head []byte, context string) []byte {
	return append(append(make([]byte, 0, len(head)+len(context)), head...), context...)
}

// MAC is the HMAC-SHA256 of parts for one purpose. It stays the same when keys are added.
func (r *Ring) MAC(purpose string, parts ...[]byte) [32]byte {
	m := r.macs.Get().(*mac)
	defer m.free(&r.macs)
	m.text = appendPart(m.text[:0], purpose)
	for _, p := range parts {
		m.text = appendPart(m.text, p)
	}
	m.Reset()
	m.Write(m.text)
	m.Sum(m.sum[:0])
	return m.sum
}

// mac is a hash under the key of MACs, with room for what goes in and comes out.
type mac struct {
	hash.Hash
	text []byte
	sum  [sha256.Size]byte
}

const keptText = 64 << 10

func (m *mac) free(to *sync.Pool) {
	if cap(m.text) <= keptText {
		to.Put(m)
	}
}

// appendPart appends a length before the part, so that ("ab", "c") and ("a", "bc") differ.
func appendPart[T string | []byte](b []byte, part T) []byte {
	return append(binary.BigEndian.AppendUint64(b, uint64(len(part))), part...)
}
