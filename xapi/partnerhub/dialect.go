package partnerhub

import (
	"cmp"
	"errors"
	"net/http"
	"strings"

	"github.com/go-json-experiment/json"

	"puente/contracts/xapi/partnerhub"
	"puente/shared/policy"
	"puente/shared/problem"
)

// reasonHeader carries the precise cause of an error.
const reasonHeader = "X-Hub-Reason"

// jsonType is the media type of all answers.
const jsonType = "application/json"

// dialect renders errors as the document has them: result codes in a body that is the same in both
// pairings; what is wrong with a token, or who asks for one, in the words of OAuth.
type dialect struct{}

// Render implements problem.Dialect.
func (dialect) Render(e *problem.Error, at problem.Occurrence) problem.Answer {
	if issues[at.Operation] {
		return renderIssue(e)
	}
	if refusal, ok := accessError(e, at); ok {
		return refusal.render(e)
	}
	m := mannerOf(at.Manner)
	r := resultOf(e, at)
	header := problem.Header(e, jsonType)
	header.Set(reasonHeader, visible(r.reason))
	status := r.http
	if m.compat && !r.always {
		status = http.StatusOK
	}
	return problem.Answer{Status: status, Header: header, Body: r.body(m.texts(), at.Operation)}
}

// body is the same for all operations but suboptout, whose answers have no inError.
func (r result) body(t texts, operation string) []byte {
	message := t.failed
	switch r.status {
	case partnerhub.StatusInvalid:
		message = t.number
		if r.field != "" {
			message = `"` + r.field + `" ` + t.field
		}
	case partnerhub.StatusFlow:
		message = t.flow
	}
	if operation == partnerhub.SubOptOut.ID {
		return encoded(partnerhub.OptOutResult{Status: r.status, Message: message})
	}
	return encoded(partnerhub.Result{InError: true, Status: r.status, Message: message})
}

func encoded(body any) []byte {
	text, err := json.Marshal(body)
	if err != nil { // texts of ours, and names made visible: cannot happen
		panic(err)
	}
	return text
}

// visible is text fit for a header: printable ASCII, and not without end.
func visible(text string) string {
	const longest = 256
	return strings.Map(func(r rune) rune {
		if r < ' ' || r > '~' {
			return '?'
		}
		return r
	}, text[:min(len(text), longest)])
}

// accessError is the refusal of who calls, in the words of RFC 6750 §3.1: by its token or by its access entity. The
// challenge is the edge's.
func accessError(e *problem.Error, at problem.Occurrence) (oauthError, bool) {
	switch {
	case errors.Is(e, policy.ErrNoToken):
		return oauthError{http.StatusUnauthorized, codeInvalidRequest, "No access token was sent"}, true
	case e.Kind == problem.Unauthenticated:
		return oauthError{http.StatusUnauthorized, codeInvalidToken, "The access token is malformed, unknown, expired, revoked or of another API"}, true
	case errors.Is(e, policy.ErrScope):
		return oauthError{http.StatusForbidden, codeScope, "The access token does not open this operation"}, true
	case e.Kind == problem.Forbidden && (at.Policy == policy.Client || at.Policy == policy.Address):
		return oauthError{http.StatusForbidden, codeUnauthorizedClient, "The client is not enabled for this API, or not from this address"}, true
	}
	return oauthError{}, false
}

// wireName is how the document spells the field that a path names, whatever the caller's spelling.
func wireName(path string) string {
	name := strings.TrimPrefix(path, "header.")
	return visible(cmp.Or(wireNames[strings.ToLower(name)], name))
}

// wireNames are the names of the documented fields, by themselves without case and by their aliases.
var wireNames = func() map[string]string {
	names := map[string]string{"largeaccount": "shortCode"}
	for _, name := range []string{
		"userIdentifier", "userIdentifierType", "pricepointId", "partnerId", "serviceId", "productId", "entryChannel", "shortCode", "date", "tid", "text", "token",
	} {
		names[strings.ToLower(name)] = name
	}
	return names
}()
