package policy

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/maypok86/otter/v2"

	"puente/shared/problem"
)

// Verifier tells whether an access token is valid now. An error means that nobody can tell.
type Verifier interface {
	Verify(ctx context.Context, q Question) (Verdict, error)
}

// Question is what a verifier is asked: a token, and by what it is to be judged.
type Question struct {
	Token string

	// Of the layer's verifier, as the settings say.
	Method   string // jwt or introspection
	Audience string

	// Scopes are those that the operation asks for. Only an API's own verifier is told: its verdict is
	// for this request. The layer's is remembered, and holds for every operation.
	Scopes []string
}

// Verdict is what a verifier says of a token.
type Verdict struct {
	Active  bool
	Reason  string // why not, from a fixed list: for log and audit
	Client  string
	Scopes  []string
	Expires time.Time
	Manner  string // how the client wants to be answered, in words of the API's own: for its dialect and its operations
}

// verdicts remembers verdicts by the SHA-256 of token and method: a bounded number, good ones no
// longer than the token lives, with one question at a time for the same token.
type verdicts struct {
	cache *otter.Cache[[32]byte, Verdict]
}

func newVerdicts(entries int) *verdicts {
	expiry := otter.ExpiryWritingFunc(func(entry otter.Entry[[32]byte, Verdict]) time.Duration {
		return time.Until(entry.Value.Expires)
	})
	return &verdicts{otter.Must(&otter.Options[[32]byte, Verdict]{MaximumSize: entries, ExpiryCalculator: expiry})}
}

// verifyWithin bounds one question to the verifier; it is asked on behalf of all who wait for it.
const verifyWithin = 2 * time.Second

func (v *verdicts) verify(ctx func() context.Context, by Verifier, token, method string, rules TokenRules) (Verdict, error) {
	var room [2048]byte // most tokens fit: no copy on the heap
	text := append(append(append(room[:0], method...), 0), rules.Audience...)
	key := sha256.Sum256(append(append(text, 0), token...))
	if verdict, ok := v.cache.GetIfPresent(key); ok && time.Now().Before(verdict.Expires) {
		return verdict, nil
	}
	return v.cache.Get(ctx(), key, otter.LoaderFunc[[32]byte, Verdict](func(ctx context.Context, _ [32]byte) (Verdict, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), verifyWithin)
		defer cancel()
		verdict, err := by.Verify(ctx, Question{Token: token, Method: method, Audience: rules.Audience})
		if err != nil {
			return Verdict{}, err
		}
		until := time.Now().Add(rules.Refused)
		if verdict.Active {
			until = time.Now().Add(rules.Cache)
			if verdict.Expires.Before(until) {
				until = verdict.Expires
			}
		}
		verdict.Expires = until
		return verdict, nil
	}))
}

// token reads Authorization. A verdict that is remembered costs a SHA-256 and a look-up.
func (e *Edge) token(x *Exchange) {
	if x.mode(Token) == Off {
		x.next()
		return
	}
	err := e.authenticate(x)
	if x.judge(Token, err) {
		x.next()
		return
	}
	challenge(x, err)
}

func (e *Edge) authenticate(x *Exchange) error {
	token, err := bearer(x.Request.Header.Values("Authorization"))
	if err != nil {
		return err
	}
	verdict, err := e.verdict(x, token)
	if err != nil {
		unavailable := problem.Errorf(problem.Unavailable, "verify token: %w", err)
		unavailable.RetryAfter = 2 * time.Second
		return unavailable
	}
	if !verdict.Active {
		return &problem.Error{Kind: problem.Unauthenticated, Err: fmt.Errorf("%w: %s", ErrInvalidToken, verdict.Reason)}
	}
	x.Principal.Client = verdict.Client
	if verdict.Manner != "" {
		x.Manner = verdict.Manner
		x.changed()
	}
	for _, scope := range x.Route.Operation.Scopes {
		if !slices.Contains(verdict.Scopes, scope) {
			return &problem.Error{Kind: problem.Forbidden, Err: ErrScope}
		}
	}
	return nil
}

// verdict is what the API's own verifier says of a token, else the layer's. Of the first nothing is
// remembered: what it says ends at the moment it changes its mind.
func (e *Edge) verdict(x *Exchange, token string) (Verdict, error) {
	own := x.Route.Verifier
	if own == nil {
		return e.verdicts.verify(x.Context, e.Verifier, token, x.Settings.Method(x.Route.API), x.Settings.Token)
	}
	ctx, cancel := context.WithTimeout(x.Context(), verifyWithin)
	defer cancel()
	return own.Verify(ctx, Question{Token: token, Scopes: x.Route.Operation.Scopes})
}

// Why a token was refused, for a dialect whose body says it in the words of RFC 6750 §3.1: errors.Is
// finds them in what it renders.
var (
	ErrNoToken      = errors.New("no access token")    // invalid_request
	ErrInvalidToken = errors.New("invalid_token")      // malformed, unknown, expired, revoked, or of another API
	ErrScope        = errors.New("insufficient_scope") // active, and without a scope that the operation asks for
)

type mannerKey struct{}

// MannerOf is how the client of an operation's request wants to be answered, as its token's verifier
// said; empty where it said nothing. It crosses no hop.
func MannerOf(ctx context.Context) string {
	manner, _ := ctx.Value(mannerKey{}).(string)
	return manner
}

// Bounds of what may be an access token at all, in bytes.
const (
	minToken = 16
	maxToken = 8192
)

// bearer is the token of the one Authorization header (RFC 6750 §2.1).
func bearer(values []string) (string, error) {
	if len(values) == 0 {
		return "", &problem.Error{Kind: problem.Unauthenticated, Err: ErrNoToken}
	}
	scheme, token, _ := strings.Cut(values[0], " ")
	if len(values) > 1 || !strings.EqualFold(scheme, "Bearer") || len(token) < minToken || len(token) > maxToken || !b64token(token) {
		return "", &problem.Error{Kind: problem.Unauthenticated, Err: ErrInvalidToken}
	}
	return token, nil
}

// tokenBytes are the characters of RFC 6750 §2.1, looked up: a token has a thousand of them.
var tokenBytes = func() (set [256]bool) {
	for _, b := range []byte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/=") {
		set[b] = true
	}
	return set
}()

// b64token reports whether s has the characters of RFC 6750 §2.1.
func b64token(s string) bool {
	for i := range len(s) {
		if !tokenBytes[s[i]] {
			return false
		}
	}
	return true
}

// challenge sets WWW-Authenticate (RFC 6750 §3): without an error where no token was sent.
func challenge(x *Exchange, err error) {
	switch {
	case errors.Is(err, ErrNoToken):
		x.SetHeader("WWW-Authenticate", `Bearer realm="puente"`)
	case errors.Is(err, ErrScope):
		x.SetHeader("WWW-Authenticate", `Bearer realm="puente", error="insufficient_scope", scope="`+strings.Join(x.Route.Operation.Scopes, " ")+`"`)
	case errors.Is(err, problem.Unauthenticated):
		x.SetHeader("WWW-Authenticate", `Bearer realm="puente", error="invalid_token"`)
	}
}
