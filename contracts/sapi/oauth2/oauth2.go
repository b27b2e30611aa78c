// Package oauth2 is the contract of the system API in front of the external OAuth 2.0 provider.
package oauth2

import (
	"context"
	_ "embed"

	"puente/shared/hop"
)

//go:embed openapi.yaml
var spec []byte

// Contract is this API, as its document promises it.
var Contract = hop.Contract{Layer: "sapi", Name: "oauth2", Spec: spec}

// VerifyToken is the operation of that name; method, path and status come from its document.
var VerifyToken = hop.Operation[Verification, Verdict]{Contract: &Contract, ID: "verifyToken"}

// Method is how a token is verified.
type Method string

// The methods.
const (
	MethodJWT           Method = "jwt"           // signature and claims, RFC 9068, keys by JWKS
	MethodIntrospection Method = "introspection" // the provider is asked, RFC 7662
)

// Verification is schema Verification.
type Verification struct {
	Token    string `json:"token"`
	Method   Method `json:"method"`
	Audience string `json:"audience,omitempty"` // that the token must name; empty: the configured one
}

// Verdict is schema Verdict.
type Verdict struct {
	Active   bool     `json:"active"`
	Reason   string   `json:"reason,omitempty"`
	ClientID string   `json:"clientId,omitempty"`
	Subject  string   `json:"subject,omitempty"`
	Scopes   []string `json:"scopes,omitempty"`
	Expires  int64    `json:"expires,omitzero"` // Unix seconds
}

// Client calls the verification, in this process or in another.
type Client struct{ peer hop.Peer }

// NewClient finds out from d how the API is reached.
func NewClient(d hop.Dialer) *Client { return &Client{d.Peer(&Contract)} }

// Verify tells whether a token is valid now. It fails only when nobody can tell (Unavailable, Timeout).
func (c *Client) Verify(ctx context.Context, in Verification) (Verdict, error) {
	return hop.Call(ctx, c.peer, VerifyToken, in)
}
