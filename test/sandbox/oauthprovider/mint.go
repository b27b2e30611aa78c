package oauthprovider

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"time"
)

// Mint is a token made to order for tests that attack a verifier. Its zero value is a good token of
// the first client; every member spoils one thing:
//
//	{"life":"-60s"}                                     expired
//	{"claims":{"aud":"another","iss":"https://…"}}      another audience or issuer
//	{"claims":{"exp":null}}                             without exp
//	{"rawClaims":"{\"iss\":…,\"scope\":\"a\",\"scope\":\"b\"}"}   a claim twice: the payload as given
//	{"alg":"none"}                                      unsigned
//	{"alg":"HS256"}                                     signed with the public RSA key's PEM as secret
//	{"key":"attacker"}                                  a key that is not published, under the kid of one that is
//	{"key":"attacker","embedJwk":true}                  the same, the key itself in the header
//	{"key":"attacker","jku":true}                       the same under its own kid, its address in the header
//	{"key":"previous"}                                  the keys before the last rotation
//	{"headers":{"kid":"../../dev/null"}}                any header; null leaves it out
//	{"headers":{"typ":"JWT"}}                           an ID token in place of an access token
type Mint struct {
	ClientID  string         `json:"clientId"`  // whose token; empty: the first client's
	Algorithm string         `json:"alg"`       // RS256, ES256, HS256 or none; empty: the client's
	Key       string         `json:"key"`       // active, previous or attacker; empty: active
	Life      string         `json:"life"`      // exp less now, such as 5m; empty: the provider's
	Claims    map[string]any `json:"claims"`    // over the claims of a good token; null leaves one out
	RawClaims string         `json:"rawClaims"` // in place of all claims
	Headers   map[string]any `json:"headers"`   // over the header of a good token; null leaves one out
	EmbedJWK  bool           `json:"embedJwk"`  // the signing key's public half as header jwk
	JKU       bool           `json:"jku"`       // header jku: where the attacker's keys are
}

// Mint makes the token, which no ledger shows.
func (p *Provider) Mint(m Mint) (string, error) {
	if m.ClientID == "" {
		m.ClientID = p.first
	}
	c, known := p.clients[m.ClientID]
	if !known {
		return "", fmt.Errorf("oauthprovider: mint: clientId: no client %q", m.ClientID)
	}
	if m.Algorithm == "" {
		m.Algorithm = c.Algorithm
	}
	life := p.life
	if m.Life != "" {
		var err error
		if life, err = time.ParseDuration(m.Life); err != nil {
			return "", errors.New(`oauthprovider: mint: life: must be a duration such as "-60s"`)
		}
	}
	g, err := p.generation(m.Key)
	if err != nil {
		return "", fmt.Errorf("oauthprovider: mint: %w", err)
	}
	header, err := p.mintedHeader(m, g)
	if err != nil {
		return "", fmt.Errorf("oauthprovider: mint: %w", err)
	}
	payload := []byte(m.RawClaims)
	if m.RawClaims == "" {
		if payload, err = json.Marshal(p.mintedClaims(m, c, life)); err != nil {
			return "", fmt.Errorf("oauthprovider: mint: claims: %w", err)
		}
	}
	signed := base64.RawURLEncoding.EncodeToString(header) + "." + base64.RawURLEncoding.EncodeToString(payload)
	signature, err := g.signature(m.Algorithm, []byte(signed))
	if err != nil {
		return "", fmt.Errorf("oauthprovider: mint: %w", err)
	}
	return signed + "." + base64.RawURLEncoding.EncodeToString(signature), nil
}

func (p *Provider) generation(name string) (generation, error) {
	switch name {
	case "", "active":
		return p.keys.current(), nil
	case "attacker":
		return p.keys.attacker()
	case "previous":
		if g := p.keys.former(); g.rs.signer != nil {
			return g, nil
		}
		return generation{}, errors.New("key: nothing was rotated yet")
	default:
		return generation{}, errors.New("key: must be active, previous or attacker")
	}
}

// mintedHeader names a published key whatever key signs, but with jku the one that stands there.
func (p *Provider) mintedHeader(m Mint, g generation) ([]byte, error) {
	named := p.keys.current()
	if m.Key == "previous" || m.JKU {
		named = g
	}
	family := m.Algorithm
	if family != "ES256" {
		family = "RS256" // none and HS256 pretend to be the RSA key
	}
	public, err := named.of(family)
	if err != nil {
		return nil, err
	}
	header := map[string]any{"alg": m.Algorithm, "typ": "at+jwt", "kid": public.id}
	if m.EmbedJWK {
		signing, err := g.of(family)
		if err != nil {
			return nil, err
		}
		header["jwk"] = signing.public
	}
	if m.JKU {
		header["jku"] = p.Issuer() + "/oauth2/attacker/jwks.json"
	}
	override(header, m.Headers)
	return json.Marshal(header)
}

func (p *Provider) mintedClaims(m Mint, c Client, life time.Duration) map[string]any {
	now := p.now()
	scope, _ := c.grant("") // all it holds: never refused
	claims := map[string]any{
		"iss": p.Issuer(), "sub": c.ClientID, "aud": []string{p.audience}, "client_id": c.ClientID,
		"scope": scope, "jti": random(), "iat": now.Unix(), "exp": now.Add(life).Unix(),
	}
	override(claims, m.Claims)
	return claims
}

func override(members, by map[string]any) {
	maps.Copy(members, by)
	maps.DeleteFunc(members, func(_ string, v any) bool { return v == nil })
}

// signature signs by hand, for jwx would refuse most of what is minted.
func (g generation) signature(algorithm string, signed []byte) ([]byte, error) {
	digest := sha256.Sum256(signed)
	switch algorithm {
	case "none":
		return nil, nil
	case "HS256": // RFC 8725 §2.1: the public key taken for a shared secret
		der, err := x509.MarshalPKIXPublicKey(g.rs.signer.Public())
		if err != nil {
			return nil, err
		}
		mac := hmac.New(sha256.New, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der}))
		mac.Write(signed)
		return mac.Sum(nil), nil
	case "RS256":
		return rsa.SignPKCS1v15(nil, g.rs.signer.(*rsa.PrivateKey), crypto.SHA256, digest[:])
	case "ES256":
		r, s, err := ecdsa.Sign(rand.Reader, g.es.signer.(*ecdsa.PrivateKey), digest[:])
		if err != nil {
			return nil, err
		}
		signature := make([]byte, 64) // RFC 7518 §3.4: r ‖ s
		r.FillBytes(signature[:32])
		s.FillBytes(signature[32:])
		return signature, nil
	default:
		return nil, errors.New("alg: must be RS256, ES256, HS256 or none")
	}
}

func (p *Provider) postMint(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
	if err != nil {
		refusef("invalid_request", "the body could not be read").send(w)
		return
	}
	var m Mint
	if len(bytes.TrimSpace(body)) > 0 {
		decoder := json.NewDecoder(bytes.NewReader(body))
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(&m); err != nil {
			refusef("invalid_request", "%v", err).send(w)
			return
		}
	}
	text, err := p.Mint(m)
	if err != nil {
		refusef("invalid_request", "%v", err).send(w)
		return
	}
	write(w, http.StatusOK, struct {
		AccessToken string `json:"access_token"`
	}{text})
}
