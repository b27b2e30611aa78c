package partnerhub

import (
	"net/http"
	"net/url"
	"unicode/utf8"

	"puente/contracts/papi/subscription"
	"puente/contracts/xapi/partnerhub"
	"puente/shared/policy"
	"puente/shared/problem"
)

// grant is the only one that there is.
const grant = "client_credentials"

// Bounds of what may be a client's credentials at all, in bytes: beyond them nobody need be asked.
const (
	longestID     = 128
	longestSecret = 256
)

// issue is the token endpoint of an API (RFC 6749 §4.4).
func (c *channel) issue(api subscription.API) func(*policy.Exchange, partnerhub.TokenRequest) error {
	return func(x *policy.Exchange, in partnerhub.TokenRequest) error {
		id, secret, err := credentials(x.Request, in)
		if err != nil {
			return err
		}
		if in.GrantType != grant {
			return &problem.Error{Kind: problem.Invalid, Code: codeUnsupportedGrant}
		}
		out, err := c.hub.IssueToken(x.Context(), subscription.TokenRequest{ClientID: id, ClientSecret: secret, API: api, Address: x.Address})
		if err != nil {
			return err
		}
		for name, value := range unstored {
			x.SetHeader(name, value)
		}
		return respond(x, partnerhub.Token{TokenType: "bearer", AccessToken: out.AccessToken, ExpiresIn: out.ExpiresIn})
	}
}

// unstored are the headers of what no cache may keep (RFC 6749 §5.1).
var unstored = map[string]string{"Cache-Control": "no-store", "Pragma": "no-cache"}

// credentials are a client's, by HTTP Basic or in the form, in one way only (RFC 6749 §2.3). Those in the
// query would stand in everybody's access log; nobody reads them.
func credentials(r *http.Request, in partnerhub.TokenRequest) (id, secret string, err error) {
	authorizations := r.Header.Values("Authorization")
	switch {
	case len(authorizations) > 1:
		return "", "", missing("header.Authorization", "is given more than once")
	case len(authorizations) == 1 && (in.ClientID != "" || in.ClientSecret != ""):
		return "", "", missing("client_id", "must not be given beside the header Authorization")
	case len(authorizations) == 1:
		id, secret, err = basic(r)
	case in.ClientID == "":
		err = missing("client_id", "is required")
	case in.ClientSecret == "":
		err = missing("client_secret", "is required")
	default:
		id, secret = in.ClientID, in.ClientSecret
	}
	if err == nil && (len(id) > longestID || len(secret) > longestSecret) {
		err = errClient
	}
	return id, secret, err
}

// errClient is what the process says of a client that it does not know.
var errClient = &problem.Error{Kind: problem.Unauthenticated, Code: subscription.CodeInvalidClient}

// basic are the credentials of HTTP Basic, each encoded as in a form (RFC 6749 §2.3.1).
func basic(r *http.Request) (id, secret string, err error) {
	user, password, ok := r.BasicAuth()
	id, err1 := url.QueryUnescape(user)
	secret, err2 := url.QueryUnescape(password)
	if !ok || err1 != nil || err2 != nil || id == "" || secret == "" || !utf8.ValidString(id) || !utf8.ValidString(secret) {
		return "", "", errClient
	}
	return id, secret, nil
}

// missing is a request that lacks something, or has it in a way that does not count.
func missing(path, rule string) error {
	return &problem.Error{Kind: problem.Invalid, Fields: []problem.Field{{Path: path, Rule: rule, Breach: problem.Missing}}}
}
