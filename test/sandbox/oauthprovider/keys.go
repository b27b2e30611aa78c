package oauthprovider

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"sync"

	"github.com/lestrrat-go/jwx/v3/jwa"
	"github.com/lestrrat-go/jwx/v3/jwk"
)

// keys are those that sign now and those that signed before the last rotation, and an attacker's.
type keys struct {
	attacker func() (generation, error) // made at first use; published nowhere but at attacker_jwks

	mu       sync.RWMutex
	active   generation
	previous generation // zero: none
}

// generation is the keys made at one time: one for each algorithm.
type generation struct{ rs, es key }

// key signs by one algorithm. Its id is the thumbprint of RFC 7638, so that no two keys share one.
type key struct {
	algorithm jwa.SignatureAlgorithm
	id        string
	signer    crypto.Signer
	private   jwk.Key
	public    jwk.Key
}

func newKeys() (*keys, error) {
	active, err := generate()
	if err != nil {
		return nil, err
	}
	return &keys{active: active, attacker: sync.OnceValues(generate)}, nil
}

func generate() (generation, error) {
	rs, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return generation{}, fmt.Errorf("make key: %w", err)
	}
	es, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return generation{}, fmt.Errorf("make key: %w", err)
	}
	var g generation
	var rsErr, esErr error
	g.rs, rsErr = newKey(jwa.RS256(), rs)
	g.es, esErr = newKey(jwa.ES256(), es)
	if err := errors.Join(rsErr, esErr); err != nil {
		return generation{}, fmt.Errorf("make key: %w", err)
	}
	return g, nil
}

func newKey(algorithm jwa.SignatureAlgorithm, signer crypto.Signer) (key, error) {
	private, err := jwk.Import(signer)
	if err != nil {
		return key{}, err
	}
	print, err := private.Thumbprint(crypto.SHA256)
	if err != nil {
		return key{}, err
	}
	k := key{algorithm: algorithm, id: base64.RawURLEncoding.EncodeToString(print), signer: signer, private: private}
	if err := errors.Join(private.Set(jwk.KeyIDKey, k.id), private.Set(jwk.AlgorithmKey, algorithm),
		private.Set(jwk.KeyUsageKey, "sig")); err != nil {
		return key{}, err
	}
	k.public, err = private.PublicKey()
	return k, err
}

// of is the key for an algorithm.
func (g generation) of(algorithm string) (key, error) {
	for _, k := range []key{g.rs, g.es} {
		if k.signer != nil && k.algorithm.String() == algorithm {
			return k, nil
		}
	}
	return key{}, fmt.Errorf("no key for algorithm %q", algorithm)
}

// ids are the kids of the generation.
func (g generation) ids() []string {
	if g.rs.signer == nil {
		return []string{}
	}
	return []string{g.rs.id, g.es.id}
}

func (k *keys) current() generation {
	k.mu.RLock()
	defer k.mu.RUnlock()
	return k.active
}

func (k *keys) former() generation {
	k.mu.RLock()
	defer k.mu.RUnlock()
	return k.previous
}

// published are the keys that verify: the active and, until the next rotation, the previous ones.
func (k *keys) published() (jwk.Set, error) {
	return set(k.current(), k.former())
}

func set(generations ...generation) (jwk.Set, error) {
	s := jwk.NewSet()
	for _, g := range generations {
		if g.rs.signer == nil {
			continue
		}
		if err := errors.Join(s.AddKey(g.rs.public), s.AddKey(g.es.public)); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// Rotate makes new keys. The old ones go on verifying until the next rotation; with drop they are
// gone at once.
func (p *Provider) Rotate(drop bool) error {
	next, err := generate()
	if err != nil {
		return fmt.Errorf("oauthprovider: rotate: %w", err)
	}
	p.keys.mu.Lock()
	defer p.keys.mu.Unlock()
	p.keys.previous, p.keys.active = p.keys.active, next
	if drop {
		p.keys.previous = generation{}
	}
	return nil
}

func (p *Provider) postRotate(w http.ResponseWriter, r *http.Request) {
	drop := false
	if q := r.URL.Query(); q.Has("drop") {
		var err error
		if drop, err = strconv.ParseBool(q.Get("drop")); err != nil {
			refusef("invalid_request", "drop must be true or false").send(w)
			return
		}
	}
	if err := p.Rotate(drop); err != nil {
		write(w, http.StatusInternalServerError, refusal{Code: "server_error"})
		return
	}
	write(w, http.StatusOK, struct {
		Active   []string `json:"active"`
		Previous []string `json:"previous"`
	}{p.keys.current().ids(), p.keys.former().ids()})
}

// jwks publishes the keys that verify (RFC 7517 §5).
func (p *Provider) jwks(w http.ResponseWriter, _ *http.Request) {
	published, err := p.keys.published()
	writeKeys(w, published, err)
}

// attackerJWKS publishes keys that no verifier may fetch: that it was asked for is in the requests.
func (p *Provider) attackerJWKS(w http.ResponseWriter, _ *http.Request) {
	theirs, err := p.keys.attacker()
	if err != nil {
		writeKeys(w, nil, err)
		return
	}
	published, err := set(theirs)
	writeKeys(w, published, err)
}

func writeKeys(w http.ResponseWriter, s jwk.Set, err error) {
	if err != nil {
		write(w, http.StatusInternalServerError, refusal{Code: "server_error"})
		return
	}
	w.Header().Set("Cache-Control", "public, max-age=60")
	write(w, http.StatusOK, s)
}
