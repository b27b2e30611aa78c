package oauthprovider

import (
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/lestrrat-go/jwx/v3/jws"
	"github.com/lestrrat-go/jwx/v3/jwt"
)

// Grant is a token to be issued without the token endpoint, by Issue.
type Grant struct {
	ClientID  string
	Scope     string   // space-separated; empty: all the client holds
	Audience  []string // empty: the provider's
	Format    Format   // empty: the provider's
	Algorithm string   // of a JWT; empty: the client's
}

// token is the token endpoint.
func (p *Provider) token(w http.ResponseWriter, r *http.Request) {
	noStore(w)
	in, refused := form(r, "resource")
	if refused != nil {
		refused.send(w)
		return
	}
	client, refused := p.authenticate(r, in)
	if refused != nil {
		refused.send(w)
		return
	}
	switch in.Get("grant_type") {
	case "client_credentials":
	case "":
		refusef("invalid_request", "grant_type is required").send(w)
		return
	default:
		refusef("unsupported_grant_type", "only client_credentials is supported").send(w)
		return
	}
	for _, resource := range in["resource"] {
		if u, err := url.Parse(resource); err != nil || !u.IsAbs() || u.Fragment != "" {
			refusef("invalid_target", "resource must be an absolute URI without fragment").send(w)
			return
		}
	}
	format := Format(in.Get("token_format"))
	if format != "" && format != JWT && format != Opaque {
		refusef("invalid_request", "token_format must be jwt or opaque").send(w)
		return
	}
	scope, refused := client.grant(in.Get("scope"))
	if refused != nil {
		refused.send(w)
		return
	}
	t, text, err := p.issue(client, scope, in["resource"], format, client.Algorithm)
	if err != nil {
		write(w, http.StatusInternalServerError, refusal{Code: "server_error"})
		return
	}
	write(w, http.StatusOK, struct {
		AccessToken string `json:"access_token"`
		TokenType   string `json:"token_type"`
		ExpiresIn   int    `json:"expires_in"`
		Scope       string `json:"scope"`
	}{text, "Bearer", int(t.ExpiresAt.Sub(t.IssuedAt) / time.Second), t.Scope})
}

// Issue gives a token as the token endpoint would.
func (p *Provider) Issue(g Grant) (string, error) {
	c, known := p.clients[g.ClientID]
	if !known {
		return "", fmt.Errorf("oauthprovider: no client %q", g.ClientID)
	}
	scope, refused := c.grant(g.Scope)
	if refused != nil {
		return "", fmt.Errorf("oauthprovider: %w", refused)
	}
	if g.Algorithm == "" {
		g.Algorithm = c.Algorithm
	}
	_, text, err := p.issue(c, scope, g.Audience, g.Format, g.Algorithm)
	return text, err
}

// issue makes a token and remembers it.
func (p *Provider) issue(c Client, scope string, audience []string, format Format, algorithm string) (Token, string, error) {
	now := p.now().Truncate(time.Second)
	t := Token{
		ID: random(), ClientID: c.ClientID, Scope: scope, Audience: audience, Format: format,
		IssuedAt: now.UTC(), ExpiresAt: now.Add(p.life).UTC(),
	}
	if len(t.Audience) == 0 {
		t.Audience = []string{p.audience}
	}
	if t.Format == "" {
		t.Format = p.format
	}
	text := random()
	if t.Format == JWT {
		signed, err := p.sign(t, algorithm)
		if err != nil {
			return Token{}, "", fmt.Errorf("oauthprovider: sign: %w", err)
		}
		text = signed
	}
	p.tokens.add(text, t, now)
	return t, text, nil
}

// sign writes t as a JWT of RFC 9068 §2.
func (p *Provider) sign(t Token, algorithm string) (string, error) {
	claims, err := jwt.NewBuilder().
		Issuer(p.Issuer()).Subject(t.ClientID).Audience(t.Audience).JwtID(t.ID).
		IssuedAt(t.IssuedAt).Expiration(t.ExpiresAt).
		Claim("client_id", t.ClientID).Claim("scope", t.Scope).
		Build()
	if err != nil {
		return "", err
	}
	header := jws.NewHeaders()
	if err := header.Set(jws.TypeKey, "at+jwt"); err != nil {
		return "", err
	}
	key, err := p.keys.current().of(algorithm)
	if err != nil {
		return "", err
	}
	text, err := jwt.Sign(claims, jwt.WithKey(key.algorithm, key.private, jws.WithProtectedHeaders(header)))
	return string(text), err
}
