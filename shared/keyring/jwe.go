package keyring

import (
	"bytes"
	"crypto/cipher"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"

	"github.com/go-json-experiment/json"
	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/lestrrat-go/jwx/v3/jwe"

	"puente/shared/config"
)

// The key management algorithms that are accepted, always with A256GCM as content encryption
// (RFC 7518 §4.5, §4.6). Nothing else is, whatever a header says, and nothing is inflated.
const (
	Direct = "dir"            // between our own layers: one shared key
	ECDHES = "ECDH-ES+A256KW" // for external callers: they hold only our public key
	gcm    = "A256GCM"
)

// maxJWE bounds a compact JWE before anything of it is decrypted, in bytes.
const maxJWE = 4 << 20

// JWEKey is one key by which payloads are encrypted.
type JWEKey struct {
	ID        string        `yaml:"id"`        // the kid
	Algorithm string        `yaml:"algorithm"` // dir or ECDH-ES+A256KW
	Secret    config.Secret `yaml:"secret"`    // dir: base64 of 32 bytes; ECDH-ES: our private key, PKCS #8 in PEM, P-256
	Recipient string        `yaml:"recipient"` // ECDH-ES: the caller's public key in PEM, for our answers
}

// JWE encrypts payloads under its active key and decrypts those of all its keys, so that a key can
// be replaced while both sides run.
type JWE struct {
	active string
	keys   map[string]*jweKey
}

type jweKey struct {
	id      string
	direct  cipher.AEAD // of Direct
	header  string      // of Direct: the protected header we send, encoded
	private *ecdh.PrivateKey
	public  *ecdsa.PublicKey
}

// base64url is that of RFC 7515 §2. Strict: bits that carry nothing must be zero, so that one payload
// has one text (Decrypt refuses the line breaks that the package ignores).
var base64url = base64.RawURLEncoding.Strict()

// ErrJWE says that a payload does not decrypt.
var ErrJWE = errors.New("keyring: not a JWE under a key of ours")

// DirectKey is a key for dir of a secret of 32 bytes.
func DirectKey(id string, secret []byte) JWEKey {
	return JWEKey{ID: id, Algorithm: Direct, Secret: config.NewSecret(base64.StdEncoding.EncodeToString(secret))}
}

// NewJWE makes the keys ready; active is the ID of the one that Encrypt uses.
func NewJWE(keys []JWEKey, active string) (*JWE, error) {
	j := &JWE{active: active, keys: make(map[string]*jweKey, len(keys))}
	var errs []error
	for i, k := range keys {
		ready, err := k.prepare()
		if err == nil && j.keys[k.ID] != nil {
			err = errors.New("id: is given twice")
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("jwe[%d].%w", i, err))
			continue
		}
		j.keys[k.ID] = ready
	}
	if len(errs) == 0 && j.keys[active] == nil {
		errs = append(errs, errors.New("jweActive: must be the id of a key"))
	}
	return j, errors.Join(errs...)
}

func (k JWEKey) prepare() (*jweKey, error) {
	if k.ID == "" {
		return nil, errors.New("id: is required")
	}
	ready := &jweKey{id: k.ID}
	switch k.Algorithm {
	case Direct:
		secret, err := base64.StdEncoding.DecodeString(k.Secret.Reveal())
		if err != nil || len(secret) != keySize {
			return nil, fmt.Errorf("secret: must be base64 of %d bytes", keySize)
		}
		if ready.direct, err = newGCM(secret); err != nil {
			return nil, err
		}
		text, err := json.Marshal(jweHeader{Algorithm: Direct, Encryption: gcm, KeyID: k.ID})
		if err != nil {
			return nil, err
		}
		ready.header = base64url.EncodeToString(text)
	case ECDHES:
		var err error
		if ready.private, err = privateKey(k.Secret.Reveal()); err != nil {
			return nil, err
		}
		if ready.public, err = publicKey(k.Recipient); err != nil {
			return nil, err
		}
	default:
		return nil, fmt.Errorf("algorithm: must be %s or %s", Direct, ECDHES)
	}
	return ready, nil
}

func privateKey(text string) (*ecdh.PrivateKey, error) {
	block, _ := pem.Decode([]byte(text))
	if block != nil {
		if key, err := x509.ParsePKCS8PrivateKey(block.Bytes); err == nil {
			if ec, ok := key.(*ecdsa.PrivateKey); ok && ec.Curve == elliptic.P256() {
				return ec.ECDH()
			}
		}
	}
	return nil, errors.New("secret: must be a P-256 private key, PKCS #8 in PEM")
}

func publicKey(text string) (*ecdsa.PublicKey, error) {
	block, _ := pem.Decode([]byte(text))
	if block != nil {
		if key, err := x509.ParsePKIXPublicKey(block.Bytes); err == nil {
			if ec, ok := key.(*ecdsa.PublicKey); ok && ec.Curve == elliptic.P256() {
				return ec, nil
			}
		}
	}
	return nil, errors.New("recipient: must be a P-256 public key in PEM")
}

// jweHeader is a protected header (RFC 7516 §4.1). Members that change what decrypting means, zip
// and crit, are refused.
type jweHeader struct {
	Algorithm   string `json:"alg"`
	Encryption  string `json:"enc"`
	KeyID       string `json:"kid"`
	Compression string `json:"zip,omitempty"`
	Critical    []any  `json:"crit,omitempty"`
}

// Encrypt makes a compact JWE under the active key.
func (j *JWE) Encrypt(plain []byte) ([]byte, error) { return j.EncryptFor(j.active, plain) }

// EncryptFor makes a compact JWE under the key kid: an answer goes under the key of its request.
func (j *JWE) EncryptFor(kid string, plain []byte) ([]byte, error) {
	k := j.keys[kid]
	if k == nil {
		return nil, fmt.Errorf("%w: no key %.64q", ErrJWE, kid)
	}
	if k.direct != nil {
		return k.encryptDirect(plain), nil
	}
	header := jwe.NewHeaders()
	if err := header.Set(jwe.KeyIDKey, kid); err != nil {
		return nil, fmt.Errorf("keyring: %w", err)
	}
	sealed, err := jwe.Encrypt(plain, jwe.WithKey(jwa.ECDH_ES_A256KW(), k.public), jwe.WithContentEncryption(jwa.A256GCM()), jwe.WithProtectedHeaders(header))
	if err != nil {
		return nil, fmt.Errorf("keyring: encrypt: %w", err)
	}
	return sealed, nil
}

// encryptDirect writes RFC 7516 §7.1 for alg dir: no encrypted key between the first two dots.
func (k *jweKey) encryptDirect(plain []byte) []byte {
	nonce := make([]byte, k.direct.NonceSize())
	_, _ = rand.Read(nonce) // never fails (crypto/rand)
	sealed := k.direct.Seal(nil, nonce, plain, []byte(k.header))
	text, tag := sealed[:len(plain)], sealed[len(plain):]
	encoding := base64url
	out := make([]byte, 0, len(k.header)+encoding.EncodedLen(len(sealed))+64)
	out = append(append(out, k.header...), '.', '.')
	out = append(encoding.AppendEncode(out, nonce), '.')
	out = append(encoding.AppendEncode(out, text), '.')
	return encoding.AppendEncode(out, tag)
}

// Decrypt opens a compact JWE under the key that its header names, and returns that key's ID.
func (j *JWE) Decrypt(sealed []byte) (plain []byte, kid string, err error) {
	if len(sealed) > maxJWE || bytes.Count(sealed, []byte{'.'}) != 4 || bytes.ContainsAny(sealed, "\r\n") {
		return nil, "", ErrJWE
	}
	head, rest, _ := bytes.Cut(sealed, []byte{'.'})
	text, err := base64url.AppendDecode(nil, head)
	if err != nil {
		return nil, "", ErrJWE
	}
	var header jweHeader
	if err := json.Unmarshal(text, &header); err != nil {
		return nil, "", ErrJWE
	}
	k := j.keys[header.KeyID]
	if k == nil {
		return nil, "", fmt.Errorf("%w: no key %.64q", ErrJWE, header.KeyID)
	}
	if header.Encryption != gcm || header.Compression != "" || header.Critical != nil {
		return nil, "", ErrJWE
	}
	switch {
	case header.Algorithm == Direct && k.direct != nil:
		plain, err = k.decryptDirect(head, rest)
	case header.Algorithm == ECDHES && k.private != nil:
		plain, err = jwe.Decrypt(sealed, jwe.WithKey(jwa.ECDH_ES_A256KW(), k.private))
	default:
		err = ErrJWE
	}
	if err != nil {
		return nil, "", ErrJWE
	}
	return plain, k.id, nil
}

func (k *jweKey) decryptDirect(head, rest []byte) ([]byte, error) {
	parts := bytes.Split(rest, []byte{'.'}) // encrypted key, nonce, ciphertext, tag
	if len(parts[0]) != 0 {
		return nil, ErrJWE
	}
	encoding := base64url
	nonce, err1 := encoding.AppendDecode(nil, parts[1])
	text, err2 := encoding.AppendDecode(make([]byte, 0, len(parts[2])+k.direct.Overhead()), parts[2])
	text, err3 := encoding.AppendDecode(text, parts[3])
	if err := errors.Join(err1, err2, err3); err != nil || len(nonce) != k.direct.NonceSize() || encoding.DecodedLen(len(parts[3])) != k.direct.Overhead() {
		return nil, ErrJWE
	}
	return k.direct.Open(text[:0], nonce, text, head)
}
