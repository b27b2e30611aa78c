package partnerhub

// TokenRequest is schema TokenRequest: the form of a token endpoint. The credentials may come by HTTP Basic
// in its place (RFC 6749 §2.3.1).
type TokenRequest struct {
	ClientID     string `json:"client_id,omitempty"`
	ClientSecret string `json:"client_secret,omitempty"`
	GrantType    string `json:"grant_type"`
}

// Token is schema Token (RFC 6749 §5.1).
type Token struct {
	TokenType   string `json:"token_type"` // bearer
	AccessToken string `json:"access_token"`
	ExpiresIn   int    `json:"expires_in"` // seconds
}

// OAuthError is schema OAuthError (RFC 6749 §5.2, RFC 6750 §3.1).
type OAuthError struct {
	Code        string `json:"error"`
	Description string `json:"error_description"`
}

// VerifyRequest is schema VerifyRequest: a token that a browser brought to the partner.
type VerifyRequest struct {
	Token string `json:"token"`
}

// Verified is schema Verified: what such a token says.
type Verified struct {
	Result
	UserIdentifier string `json:"userIdentifier"`
	ProductID      int64  `json:"productId"`
	TID            string `json:"tid,omitempty"`
}
