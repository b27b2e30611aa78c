package partnerhub

import (
	"net/http"
	"strings"

	"puente/contracts/papi/subscription"
	"puente/contracts/xapi/partnerhub"
	"puente/shared/problem"
)

// Codes of RFC 6749 §4.1.2.1 and §5.2 and of RFC 6750 §3.1.
const (
	codeInvalidRequest     = "invalid_request"
	codeInvalidClient      = subscription.CodeInvalidClient
	codeUnauthorizedClient = subscription.CodeUnauthorizedClient
	codeUnsupportedGrant   = "unsupported_grant_type"
	codeInvalidToken       = "invalid_token"
	codeScope              = "insufficient_scope"
	codeLater              = "temporarily_unavailable"
	codeDefect             = "server_error"
)

// issues are the operations that issue tokens.
var issues = map[string]bool{partnerhub.IssueChargeToken.ID: true, partnerhub.IssueSendMTToken.ID: true, partnerhub.IssueSubOptOutToken.ID: true}

// oauthError is an error in the words of OAuth.
type oauthError struct {
	status      int
	code        string
	description string
}

// render makes the answer of what e is in these words.
func (o oauthError) render(e *problem.Error) problem.Answer {
	return problem.Answer{
		Status: o.status, Header: problem.Header(e, jsonType), Body: encoded(partnerhub.OAuthError{Code: o.code, Description: quotable(o.description)}),
	}
}

// quotable is text of the characters that a description may have (RFC 6749 §5.2).
func quotable(text string) string {
	return strings.NewReplacer(`"`, "'", `\`, "/").Replace(visible(text))
}

// renderIssue is the error of a token endpoint. Who is not let in is told how to say who it is, however it
// tried (RFC 9110 §15.5.2).
func renderIssue(e *problem.Error) problem.Answer {
	o := issueError(e)
	answer := o.render(e)
	if o.status == http.StatusUnauthorized {
		answer.Header.Set("WWW-Authenticate", `Basic realm="puente"`)
	}
	for name, value := range unstored {
		answer.Header.Set(name, value)
	}
	return answer
}

func issueError(e *problem.Error) oauthError {
	switch {
	case e.Code == codeUnsupportedGrant:
		return oauthError{http.StatusBadRequest, codeUnsupportedGrant, "The grant must be " + grant}
	case e.Kind == problem.Unauthenticated:
		return oauthError{http.StatusUnauthorized, codeInvalidClient, "The client is unknown or disabled, or its secret is wrong"}
	case e.Code == codeUnauthorizedClient:
		return oauthError{http.StatusBadRequest, codeUnauthorizedClient, "The client is not enabled for this API"}
	case e.Kind == problem.Forbidden: // its address
		return oauthError{http.StatusForbidden, codeUnauthorizedClient, "The client may not call from this address"}
	case e.Kind == problem.Quota:
		return oauthError{http.StatusTooManyRequests, codeLater, "Too many requests; Retry-After says when to come back"}
	case e.Kind == problem.Internal:
		return oauthError{http.StatusInternalServerError, codeDefect, "An internal error occurred"}
	case e.Kind == problem.UnsupportedMedia:
		return oauthError{e.Kind.Status(), codeInvalidRequest, "The body must be a form, application/x-www-form-urlencoded"}
	case e.Kind.Status() >= http.StatusInternalServerError:
		return oauthError{e.Kind.Status(), codeLater, "No tokens are issued now"}
	case len(e.Fields) > 0:
		return oauthError{e.Kind.Status(), codeInvalidRequest, e.Fields[0].String()}
	}
	return oauthError{e.Kind.Status(), codeInvalidRequest, "The request is not one for a token"}
}
