package oauth2

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json"

	"puente/contracts/sapi/oauth2"
	"puente/shared/httpclient"
)

// introspected is the provider's answer (RFC 7662 §2.2).
type introspected struct {
	Active   *bool    `json:"active"` // the one member that is required
	ClientID string   `json:"client_id"`
	Subject  string   `json:"sub"`
	Scope    string   `json:"scope"`
	Issuer   string   `json:"iss"`
	Audience audience `json:"aud"`
	Expires  int64    `json:"exp"`
	NotUntil int64    `json:"nbf"`
}

// audience is one string or several (RFC 7519 §4.1.3).
type audience []string

// UnmarshalJSON reads both forms, and null as none.
func (a *audience) UnmarshalJSON(text []byte) error {
	if string(text) == "null" {
		return nil
	}
	var one string
	if json.Unmarshal(text, &one) == nil {
		*a = audience{one}
		return nil
	}
	return json.Unmarshal(text, (*[]string)(a))
}

// unlimited is how long a verdict counts where the provider names no end.
const unlimited = time.Minute

// askProvider asks the provider. Whatever is not a clear answer is no answer: a provider in
// trouble must not turn good tokens away.
func (s *system) askProvider(ctx context.Context, token, wanted string) (oauth2.Verdict, error) {
	form := url.Values{"token": {token}, "token_type_hint": {"access_token"}}.Encode()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url+s.cfg.Introspection.Path, strings.NewReader(form))
	if err != nil {
		return oauth2.Verdict{}, cannotTell(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.SetBasicAuth(url.QueryEscape(s.cfg.Introspection.Client), url.QueryEscape(s.cfg.Introspection.Secret.Reveal())) // RFC 6749 §2.3.1
	resp, err := s.introspect.RoundTrip(req)
	if err != nil {
		return oauth2.Verdict{}, cannotTell(err)
	}
	text, err := httpclient.ReadAll(resp)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("introspection: status %d", resp.StatusCode)
	}
	var in introspected
	if err == nil {
		err = json.Unmarshal(text, &in)
	}
	if err == nil && in.Active == nil {
		err = errors.New("introspection: the answer does not say whether the token is active")
	}
	if err != nil {
		return oauth2.Verdict{}, cannotTell(err)
	}
	return s.judge(in, wanted, time.Now()), nil
}

func (s *system) judge(in introspected, wanted string, now time.Time) oauth2.Verdict {
	expires := time.Unix(in.Expires, 0)
	if in.Expires == 0 {
		expires = now.Add(unlimited)
	}
	switch {
	case !*in.Active:
		return inactive("not active")
	case in.ClientID == "":
		return inactive("no client_id")
	case !now.Before(expires.Add(s.cfg.Leeway)):
		return inactive("expired")
	case in.NotUntil > now.Add(s.cfg.Leeway).Unix():
		return inactive("not yet valid")
	case in.Issuer == "" && !s.optional("iss"):
		return inactive("no issuer")
	case in.Issuer != "" && in.Issuer != s.cfg.Issuer:
		return inactive("issuer")
	case len(in.Audience) == 0 && !s.optional("aud"):
		return inactive("no audience")
	case len(in.Audience) > 0 && !slices.Contains(in.Audience, wanted):
		return inactive("audience")
	}
	return oauth2.Verdict{Active: true, ClientID: in.ClientID, Subject: in.Subject, Scopes: strings.Fields(in.Scope), Expires: expires.Unix()}
}

// optional reports whether the provider may leave a claim out. RFC 7662 §2.2 lets every provider; a token
// that another service got, though, must not open ours.
func (s *system) optional(claim string) bool {
	return slices.Contains(s.cfg.Introspection.Optional, claim)
}
