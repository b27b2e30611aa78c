package oauthprovider

import (
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"maps"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// refusal is an error of RFC 6749 §5.2.
type refusal struct {
	Code        string `json:"error"`
	Description string `json:"error_description,omitempty"`
	basic       bool   // the client tried Basic: the answer must name that scheme
}

func (e *refusal) Error() string { return e.Code + ": " + e.Description }

func refusef(code, format string, args ...any) *refusal {
	return &refusal{Code: code, Description: fmt.Sprintf(format, args...)}
}

// send answers with the error; only invalid_client is 401.
func (e *refusal) send(w http.ResponseWriter) {
	status := http.StatusBadRequest
	if e.Code == "invalid_client" {
		status = http.StatusUnauthorized
		if e.basic {
			w.Header().Set("WWW-Authenticate", `Basic realm="oauth2", charset="UTF-8"`)
		}
	}
	write(w, status, e)
}

// noStore forbids caches to keep a token or what is said of one (RFC 6749 §5.1).
func noStore(w http.ResponseWriter) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Pragma", "no-cache")
}

// form is the body of a request, every parameter at most once (RFC 6749 §3.2) except those of
// repeatable.
func form(r *http.Request, repeatable ...string) (url.Values, *refusal) {
	if media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || media != "application/x-www-form-urlencoded" {
		return nil, refusef("invalid_request", "the body must be application/x-www-form-urlencoded")
	}
	if err := r.ParseForm(); err != nil {
		return nil, refusef("invalid_request", "the body is not a form")
	}
	for name, values := range r.PostForm {
		if len(values) > 1 && !slices.Contains(repeatable, name) {
			return nil, refusef("invalid_request", "parameter %q stands more than once", name)
		}
	}
	if query := r.URL.Query(); query.Has("client_id") || query.Has("client_secret") {
		return nil, refusef("invalid_request", "client credentials do not belong in the URI")
	}
	return r.PostForm, nil
}

// authenticate is the client that r comes from, by Basic or by the form but not by both (RFC 6749
// §2.3.1).
func (p *Provider) authenticate(r *http.Request, form url.Values) (Client, *refusal) {
	id, secret, basic := "", "", r.Header.Get("Authorization") != ""
	if basic {
		if form.Has("client_secret") {
			return Client{}, refusef("invalid_request", "the client authenticates in two ways")
		}
		user, password, ok := r.BasicAuth()
		plainID, idErr := url.QueryUnescape(user)
		plainSecret, secretErr := url.QueryUnescape(password)
		if !ok || idErr != nil || secretErr != nil {
			return Client{}, &refusal{Code: "invalid_client", Description: "the Authorization header is not Basic", basic: true}
		}
		id, secret = plainID, plainSecret
		if form.Has("client_id") && form.Get("client_id") != id {
			return Client{}, refusef("invalid_request", "client_id and Authorization name different clients")
		}
	} else {
		id, secret = form.Get("client_id"), form.Get("client_secret")
	}
	c, known := p.clients[id]
	given, held := sha256.Sum256([]byte(secret)), sha256.Sum256([]byte(c.Secret.Reveal()))
	if subtle.ConstantTimeCompare(given[:], held[:]) != 1 || !known {
		return Client{}, &refusal{Code: "invalid_client", Description: "client authentication failed", basic: basic}
	}
	return c, nil
}

// scopes are all that any client holds.
func (p *Provider) scopes() []string {
	all := map[string]bool{}
	for _, c := range p.clients {
		for _, scope := range c.Scopes {
			all[scope] = true
		}
	}
	return slices.Sorted(maps.Keys(all))
}

// grant is what the client gets of the scope that it asks for: all it holds when it asks for none,
// and nothing when it asks for one it does not hold.
func (c Client) grant(asked string) (string, *refusal) {
	if asked == "" {
		return strings.Join(c.Scopes, " "), nil
	}
	var granted []string
	for scope := range strings.SplitSeq(asked, " ") {
		if !scopeToken(scope) {
			return "", refusef("invalid_scope", "the scope is malformed")
		}
		if !slices.Contains(c.Scopes, scope) {
			return "", refusef("invalid_scope", "the client does not hold a scope it asks for")
		}
		if !slices.Contains(granted, scope) {
			granted = append(granted, scope)
		}
	}
	return strings.Join(granted, " "), nil
}

// scopeToken reports whether s is a scope-token of RFC 6749 §3.3.
func scopeToken(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(c rune) bool { return c <= 0x20 || c >= 0x7f || c == '"' || c == '\\' })
}
