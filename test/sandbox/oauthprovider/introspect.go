package oauthprovider

import (
	"net/http"

	"github.com/lestrrat-go/jwx/v3/jwt"
)

// introspection is the answer of RFC 7662 §2.2; of a token that is not good it says only that.
type introspection struct {
	Active    bool     `json:"active"`
	Scope     string   `json:"scope,omitempty"`
	ClientID  string   `json:"client_id,omitempty"`
	TokenType string   `json:"token_type,omitempty"`
	Expires   int64    `json:"exp,omitempty"`
	IssuedAt  int64    `json:"iat,omitempty"`
	Subject   string   `json:"sub,omitempty"`
	Audience  []string `json:"aud,omitempty"`
	Issuer    string   `json:"iss,omitempty"`
	ID        string   `json:"jti,omitempty"`
}

// introspect says whether a token is good, to any client that authenticates.
func (p *Provider) introspect(w http.ResponseWriter, r *http.Request) {
	noStore(w)
	text, _, refused := p.tokenOf(r)
	if refused != nil {
		refused.send(w)
		return
	}
	t, good := p.inspect(text)
	if !good {
		write(w, http.StatusOK, introspection{})
		return
	}
	write(w, http.StatusOK, introspection{
		Active: true, Scope: t.Scope, ClientID: t.ClientID, TokenType: "Bearer",
		Expires: t.ExpiresAt.Unix(), IssuedAt: t.IssuedAt.Unix(), Subject: t.ClientID,
		Audience: t.Audience, Issuer: p.Issuer(), ID: t.ID,
	})
}

// revoke takes a token back. Of one that is not good there is nothing to take back, which is a
// success (RFC 7009 §2.2); of another client's there is a refusal (§2.1).
func (p *Provider) revoke(w http.ResponseWriter, r *http.Request) {
	noStore(w)
	text, client, refused := p.tokenOf(r)
	if refused != nil {
		refused.send(w)
		return
	}
	t, good := p.inspect(text)
	if good && t.ClientID != client.ClientID {
		refusef("invalid_grant", "the token was issued to another client").send(w)
		return
	}
	if good {
		p.tokens.revoke(t, p.now())
	}
	w.WriteHeader(http.StatusOK)
}

// tokenOf is the token that r asks about, and the client that asks.
func (p *Provider) tokenOf(r *http.Request) (string, Client, *refusal) {
	in, refused := form(r)
	if refused != nil {
		return "", Client{}, refused
	}
	client, refused := p.authenticate(r, in)
	if refused != nil {
		return "", Client{}, refused
	}
	if in.Get("token") == "" {
		return "", Client{}, refusef("invalid_request", "token is required")
	}
	return in.Get("token"), client, nil
}

// inspect is what the token of that text grants, if it is good: an opaque one that is remembered, or
// a JWT that one of the published keys signed for this issuer.
func (p *Provider) inspect(text string) (Token, bool) {
	if t, good := p.tokens.lookUp(text, p.now()); good {
		return t, true
	}
	published, err := p.keys.published()
	if err != nil {
		return Token{}, false
	}
	claims, err := jwt.Parse([]byte(text), jwt.WithKeySet(published), jwt.WithValidate(true),
		jwt.WithIssuer(p.Issuer()), jwt.WithClock(jwt.ClockFunc(p.now)),
		jwt.WithRequiredClaim(jwt.ExpirationKey), jwt.WithRequiredClaim(jwt.JwtIDKey))
	if err != nil {
		return Token{}, false
	}
	t := Token{Format: JWT}
	t.ID, _ = claims.JwtID()
	t.Audience, _ = claims.Audience()
	t.ExpiresAt, _ = claims.Expiration()
	t.IssuedAt, _ = claims.IssuedAt()
	claims.Get("client_id", &t.ClientID) // absent in a minted token: stays empty
	claims.Get("scope", &t.Scope)
	return t, !p.tokens.isRevoked(t.ID)
}
