// Package oauthprovider plays the external OAuth 2.0 authorization server: it gives access tokens to
// clients (client_credentials only), says whether a token is good, takes tokens back and publishes
// its keys.
//
//	POST /oauth2/token                             operation token        RFC 6749 §4.4; Basic or client_id and client_secret in the form
//	     grant_type=client_credentials [scope=…] [resource=… RFC 8707] [token_format=jwt|opaque]
//	POST /oauth2/introspect                        operation introspect   RFC 7662; token=…, authenticated like /oauth2/token
//	POST /oauth2/revoke                            operation revoke       RFC 7009; token=…, authenticated like /oauth2/token
//	GET  /oauth2/jwks.json                         operation jwks         RFC 7517; RS256 and ES256, of this and the previous rotation
//	GET  /.well-known/oauth-authorization-server   operation metadata     RFC 8414
//
// An access token is a JWT of RFC 9068 (typ at+jwt; iss, sub, aud, exp, iat, jti, client_id, scope)
// signed with the algorithm of its client, or opaque. Reset forgets the ledger and every revocation;
// tokens that were issued stay good, and the keys stay.
//
// For tests that attack a verifier there are two more controls, on loopback like all controls, and
// an address that must never be asked:
//
//	POST /_sandbox/oauth/rotate[?drop=true]   new keys; the old ones verify until the next rotation, with drop they are gone at once
//	POST /_sandbox/oauth/mint                 a token made to order: see Mint
//	GET  /oauth2/attacker/jwks.json           operation attacker_jwks: the keys that mint's forged tokens point at by jku
package oauthprovider

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"puente/shared/config"
)

const (
	// DefaultAudience is the aud of tokens that no resource was asked for.
	DefaultAudience = "puente"
	// DefaultTokenLife is how long a token is good.
	DefaultTokenLife = 300 * time.Second

	maxTokens = 100_000 // that the provider remembers, opaque ones and for the ledger
)

// Format is what access tokens look like.
type Format string

// The formats.
const (
	JWT    Format = "jwt"
	Opaque Format = "opaque"
)

// Client is an application that may have tokens.
type Client struct {
	ClientID  string        `yaml:"clientId"`
	Secret    config.Secret `yaml:"secret"`
	Scopes    []string      `yaml:"scopes"`    // all it holds; granted when it asks for none
	Name      string        `yaml:"name"`      // for people
	Algorithm string        `yaml:"algorithm"` // of its JWTs: RS256 (empty) or ES256
}

// Config is what the provider is started with.
type Config struct {
	Issuer      string // empty: SetIssuer says it later
	Clients     []Client
	Audience    string        // empty: DefaultAudience
	TokenLife   time.Duration // 0: DefaultTokenLife
	TokenFormat Format        // unless a request names another; empty: JWT
	Now         func() time.Time
}

// Provider is the authorization server.
type Provider struct {
	audience string
	life     time.Duration
	format   Format
	now      func() time.Time
	clients  map[string]Client
	first    string // the client of minted tokens that name none
	keys     *keys
	tokens   *tokens

	mu     sync.RWMutex
	issuer string
}

// New makes the provider and its keys.
func New(cfg Config) (*Provider, error) {
	p := &Provider{
		audience: cfg.Audience, life: cfg.TokenLife, format: cfg.TokenFormat, now: cfg.Now,
		clients: map[string]Client{}, tokens: newTokens(maxTokens), issuer: cfg.Issuer,
	}
	if p.audience == "" {
		p.audience = DefaultAudience
	}
	if p.life <= 0 {
		p.life = DefaultTokenLife
	}
	if p.now == nil {
		p.now = time.Now
	}
	if p.format == "" {
		p.format = JWT
	}
	if p.format != JWT && p.format != Opaque {
		return nil, fmt.Errorf("oauthprovider: token format %q is neither jwt nor opaque", cfg.TokenFormat)
	}
	for _, c := range cfg.Clients {
		if err := p.register(c); err != nil {
			return nil, fmt.Errorf("oauthprovider: client %q: %w", c.ClientID, err)
		}
	}
	k, err := newKeys()
	if err != nil {
		return nil, fmt.Errorf("oauthprovider: %w", err)
	}
	p.keys = k
	return p, nil
}

func (p *Provider) register(c Client) error {
	if c.ClientID == "" || c.Secret.IsZero() {
		return errors.New("needs an id and a secret")
	}
	if _, twice := p.clients[c.ClientID]; twice {
		return errors.New("stands twice")
	}
	if c.Algorithm == "" {
		c.Algorithm = "RS256"
	}
	if c.Algorithm != "RS256" && c.Algorithm != "ES256" {
		return fmt.Errorf("algorithm %q is neither RS256 nor ES256", c.Algorithm)
	}
	for _, scope := range c.Scopes {
		if !scopeToken(scope) {
			return fmt.Errorf("scope %q is not one (RFC 6749 §3.3)", scope)
		}
	}
	if p.first == "" {
		p.first = c.ClientID
	}
	p.clients[c.ClientID] = c
	return nil
}

// Name is oauth.
func (p *Provider) Name() string { return "oauth" }

// Mount declares the operations.
func (p *Provider) Mount(operation func(name, pattern string, handler http.HandlerFunc)) {
	operation("token", "POST /oauth2/token", p.token)
	operation("introspect", "POST /oauth2/introspect", p.introspect)
	operation("revoke", "POST /oauth2/revoke", p.revoke)
	operation("jwks", "GET /oauth2/jwks.json", p.jwks)
	operation("metadata", "GET /.well-known/oauth-authorization-server", p.metadata)
	operation("attacker_jwks", "GET /oauth2/attacker/jwks.json", p.attackerJWKS)
}

// Controls declares what tests may do to the provider.
func (p *Provider) Controls(control func(pattern string, handler http.HandlerFunc)) {
	control("POST /_sandbox/oauth/rotate", p.postRotate)
	control("POST /_sandbox/oauth/mint", p.postMint)
}

// SetIssuer says under which URL the provider is reached: the iss of its tokens.
func (p *Provider) SetIssuer(url string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.issuer = url
}

// Issuer is the iss of its tokens.
func (p *Provider) Issuer() string {
	p.mu.RLock()
	defer p.mu.RUnlock()
	return p.issuer
}

// Ledger is a value of type Ledger.
func (p *Provider) Ledger() any { return p.Effects() }

// Effects is what was issued since the start or the last reset, oldest first.
func (p *Provider) Effects() Ledger { return p.tokens.ledger() }

// Reset forgets the ledger and every revocation.
func (p *Provider) Reset() error {
	p.tokens.reset()
	return nil
}

// metadata is the document of RFC 8414 §3.
func (p *Provider) metadata(w http.ResponseWriter, _ *http.Request) {
	issuer := p.Issuer()
	methods := []string{"client_secret_basic", "client_secret_post"}
	write(w, http.StatusOK, struct {
		Issuer                string   `json:"issuer"`
		TokenEndpoint         string   `json:"token_endpoint"`
		JWKSURI               string   `json:"jwks_uri"`
		IntrospectionEndpoint string   `json:"introspection_endpoint"`
		RevocationEndpoint    string   `json:"revocation_endpoint"`
		ScopesSupported       []string `json:"scopes_supported"`
		ResponseTypes         []string `json:"response_types_supported"`
		GrantTypes            []string `json:"grant_types_supported"`
		TokenAuth             []string `json:"token_endpoint_auth_methods_supported"`
		IntrospectionAuth     []string `json:"introspection_endpoint_auth_methods_supported"`
		RevocationAuth        []string `json:"revocation_endpoint_auth_methods_supported"`
	}{
		Issuer: issuer, TokenEndpoint: issuer + "/oauth2/token", JWKSURI: issuer + "/oauth2/jwks.json",
		IntrospectionEndpoint: issuer + "/oauth2/introspect", RevocationEndpoint: issuer + "/oauth2/revoke",
		ScopesSupported: p.scopes(), ResponseTypes: []string{}, GrantTypes: []string{"client_credentials"},
		TokenAuth: methods, IntrospectionAuth: methods, RevocationAuth: methods,
	})
}

func write(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(v) // the caller may have left: nothing to do about it
}

// random is 256 bits for a token or its id.
func random() string { return rand.Text() + rand.Text() }
