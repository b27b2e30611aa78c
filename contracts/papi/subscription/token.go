package subscription

import (
	"context"

	"puente/shared/hop"
)

// TokenRequest is schema TokenRequest.
type TokenRequest struct {
	ClientID     string `json:"clientId"`
	ClientSecret string `json:"clientSecret"`
	API          API    `json:"api"`
	Address      string `json:"address"` // of the caller: failures are counted by it, too
}

// Token is schema Token.
type Token struct {
	AccessToken string `json:"accessToken"`
	ExpiresIn   int    `json:"expiresIn"` // seconds
}

// TokenQuery is schema TokenQuery. An empty API is any of them.
type TokenQuery struct {
	Token string `json:"token"`
	API   API    `json:"api,omitempty"`
}

// TokenVerdict is schema TokenVerdict. Manner is how the partner wants to be answered: pairing and
// language, as rest/es.
type TokenVerdict struct {
	Active    bool   `json:"active"`
	Reason    string `json:"reason,omitempty"` // why not, for log and audit
	Client    string `json:"client,omitempty"`
	PartnerID int64  `json:"partnerId,omitempty"`
	Expires   int64  `json:"expires,omitempty"` // seconds since 1970
	Manner    string `json:"manner,omitempty"`
}

// Client calls the subscription process API, in this process or in another.
type Client struct{ peer hop.Peer }

// NewClient finds out from d how the API is reached.
func NewClient(d hop.Dialer) *Client { return &Client{d.Peer(&Contract)} }

// IssueToken gives a client a token for one API. Errors: Unauthenticated invalid_client, Forbidden
// unauthorized_client (not enabled for the API), Quota TOO_MANY_FAILURES.
func (c *Client) IssueToken(ctx context.Context, in TokenRequest) (Token, error) {
	return hop.Call(ctx, c.peer, IssueToken, in)
}

// VerifyToken tells whose token it is, and whether it opens the API now.
func (c *Client) VerifyToken(ctx context.Context, in TokenQuery) (TokenVerdict, error) {
	return hop.Call(ctx, c.peer, VerifyToken, in)
}

// RedirectQuery is schema RedirectQuery: a token that a browser brought to the caller's partner.
type RedirectQuery struct {
	Token string `json:"token"`
}

// RedirectClaims is schema RedirectClaims.
type RedirectClaims struct {
	MSISDN    string `json:"msisdn"`
	ProductID int64  `json:"productId"`
	TID       string `json:"tid,omitempty"`
}

// VerifyRedirect opens a redirect token, once. Error: Rejected TOKEN_INVALID, whatever is wrong with it.
func (c *Client) VerifyRedirect(ctx context.Context, in RedirectQuery) (RedirectClaims, error) {
	return hop.Call(ctx, c.peer, VerifyRedirect, in)
}
