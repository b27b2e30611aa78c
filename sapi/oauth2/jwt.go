package oauth2

import (
	"context"
	"encoding/base64"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"github.com/lestrrat-go/jwx/v3/jws"
	"github.com/lestrrat-go/jwx/v3/jwt"

	"puente/contracts/sapi/oauth2"
)

// verifyJWT verifies a token by itself. The algorithm belongs to the key: jwx uses the one that the
// provider published with the key of that kid, and a header that says otherwise is refused. No key or
// address that a token brings along (jwk, jku, x5u) is looked at.
func (s *system) verifyJWT(ctx context.Context, token, audience string) (oauth2.Verdict, error) {
	kid, algorithm, reason := inspect(token)
	if reason != "" {
		return inactive(reason), nil
	}
	set, err := s.keys.holding(ctx, kid)
	if errors.Is(err, errUnknownKey) {
		return inactive("unknown key"), nil
	}
	if err != nil {
		return oauth2.Verdict{}, cannotTell(err)
	}
	key, _ := set.LookupKeyID(kid) // holding has found it
	if its, ok := key.Algorithm(); !ok || its.String() != algorithm {
		return inactive("not the algorithm of its key"), nil
	}
	parsed, err := jwt.Parse([]byte(token),
		jwt.WithKeySet(set), jwt.WithValidate(true), jwt.WithAcceptableSkew(s.cfg.Leeway),
		jwt.WithIssuer(s.cfg.Issuer), jwt.WithAudience(audience),
		jwt.WithRequiredClaim("exp"), jwt.WithRequiredClaim("iss"), jwt.WithRequiredClaim("aud"), jwt.WithRequiredClaim("client_id"))
	if err != nil {
		return inactive("refused: " + refusalOf(err)), nil
	}
	return s.verdictOf(parsed), nil
}

func (s *system) verdictOf(t jwt.Token) oauth2.Verdict {
	expires, _ := t.Expiration()
	issued, hasIssued := t.IssuedAt()
	if !hasIssued {
		issued = time.Now()
	}
	if expires.Sub(issued) > s.cfg.MaxLife {
		return inactive("lives too long")
	}
	var client, scope string
	if t.Get("client_id", &client) != nil || client == "" {
		return inactive("no client_id")
	}
	_ = t.Get("scope", &scope) // a token without scope opens nothing that asks for one
	subject, _ := t.Subject()
	return oauth2.Verdict{Active: true, ClientID: client, Subject: subject, Scopes: strings.Fields(scope), Expires: expires.Unix()}
}

// accepted are the algorithms of signatures that may be verified at all: asymmetric ones.
var accepted = []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}

// inspect reads the header of a token before any key is looked up (RFC 8725 §3.1, RFC 9068 §4).
func inspect(token string) (kid, algorithm, reason string) {
	message, err := jws.Parse([]byte(token), jws.WithCompact())
	if err != nil || len(message.Signatures()) != 1 || strings.ContainsFunc(token, notCompact) {
		return "", "", "not a signed token"
	}
	if !unambiguous(token) {
		return "", "", "a name stands twice"
	}
	header := message.Signatures()[0].ProtectedHeaders()
	if alg, ok := header.Algorithm(); ok {
		algorithm = alg.String()
	}
	if !slices.Contains(accepted, algorithm) {
		return "", "", "algorithm not accepted"
	}
	if kind, _ := header.Type(); !strings.EqualFold(kind, "at+jwt") && !strings.EqualFold(kind, "application/at+jwt") {
		return "", "", "not an access token"
	}
	if critical, ok := header.Critical(); ok && len(critical) > 0 {
		return "", "", "critical header not understood"
	}
	var ok bool
	if kid, ok = header.KeyID(); !ok || kid == "" || len(kid) > 256 {
		return "", "", "no key ID"
	}
	return kid, algorithm, ""
}

// notCompact reports whether r has no place in a compact serialization (RFC 7515 §7.1). Decoders skip
// line feeds and space, so that one token would have many spellings.
func notCompact(r rune) bool {
	return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || r == '-' || r == '_' || r == '.')
}

// unambiguous reports whether no name stands twice in the header or in the claims: of two scopes one
// reader takes the first and another the last (RFC 7519 §4, RFC 7515 §4).
func unambiguous(token string) bool {
	for part := range strings.SplitSeq(token[:strings.LastIndexByte(token, '.')], ".") {
		text, err := base64.RawURLEncoding.DecodeString(part)
		if err != nil || !jsontext.Value(text).IsValid() {
			return false
		}
	}
	return true
}

// refusalOf names why jwx refused a token, without its text, which may hold claims.
func refusalOf(err error) string {
	for _, r := range []struct {
		err  error
		name string
	}{
		{jwt.TokenExpiredError(), "expired"}, {jwt.TokenNotYetValidError(), "not yet valid"},
		{jwt.InvalidIssuerError(), "issuer"}, {jwt.InvalidAudienceError(), "audience"},
		{jwt.InvalidIssuedAtError(), "issued in the future"}, {jwt.MissingRequiredClaimError(), "claim missing"},
	} {
		if errors.Is(err, r.err) {
			return r.name
		}
	}
	return "signature or form"
}
