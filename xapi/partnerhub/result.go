package partnerhub

import (
	"cmp"
	"errors"
	"net/http"

	"puente/contracts/papi/subscription"
	"puente/contracts/xapi/partnerhub"
	"puente/shared/policy"
	"puente/shared/problem"
)

// result is a row of the document's table of result codes (specification §5).
type result struct {
	status partnerhub.Status
	http   int
	always bool   // http also holds where everything of the business is 200
	field  string // of StatusInvalid: the field that is wrong; empty: the number is
	reason string // the precise cause
}

// byCode are the results of what the process says, by its code.
var byCode = map[string]result{
	subscription.CodeMSISDNInvalid: {status: partnerhub.StatusInvalid, http: http.StatusBadRequest},
	subscription.CodeMSISDNUnknown: {status: partnerhub.StatusInvalid, http: http.StatusBadRequest},
	subscription.CodeOtherOperator: {status: partnerhub.StatusInvalid, http: http.StatusBadRequest},

	subscription.CodeForeignPartner:    {status: partnerhub.StatusFlow, http: http.StatusForbidden},
	subscription.CodeOfferUnknown:      {status: partnerhub.StatusFlow, http: http.StatusConflict},
	subscription.CodeNotOnDemand:       {status: partnerhub.StatusFlow, http: http.StatusConflict},
	subscription.CodeChannelNotAllowed: {status: partnerhub.StatusFlow, http: http.StatusConflict},
	subscription.CodeShortCode:         {status: partnerhub.StatusFlow, http: http.StatusConflict},
	subscription.CodeNoRight:           {status: partnerhub.StatusFlow, http: http.StatusConflict},
	subscription.CodeNeverSubscribed:   {status: partnerhub.StatusFlow, http: http.StatusConflict},
	subscription.CodeConsentMissing:    {status: partnerhub.StatusFlow, http: http.StatusConflict},
	subscription.CodeNotEligible:       {status: partnerhub.StatusFlow, http: http.StatusConflict},
	subscription.CodeLineBarred:        {status: partnerhub.StatusFlow, http: http.StatusConflict},
	subscription.CodeSpendCap:          {status: partnerhub.StatusFlow, http: http.StatusConflict},
	subscription.CodeKeyReused:         {status: partnerhub.StatusFlow, http: http.StatusUnprocessableEntity},
	subscription.CodeRedirectInvalid:   {status: partnerhub.StatusFlow, http: http.StatusUnprocessableEntity},

	subscription.CodeInProgress:     {status: partnerhub.StatusFailed, http: http.StatusConflict},
	subscription.CodeOutcomeUnknown: {status: partnerhub.StatusFailed, http: http.StatusGatewayTimeout},
}

// byKind are the results of all else. What is refused before the request was understood, what the platform
// refuses to protect itself, and its defects, are no results of the business.
var byKind = map[problem.Kind]result{
	problem.Invalid:          {status: partnerhub.StatusInvalid, http: http.StatusBadRequest, reason: "INVALID_FIELD"},
	problem.Forbidden:        {status: partnerhub.StatusFlow, http: http.StatusForbidden, reason: "FORBIDDEN"},
	problem.NotFound:         {status: partnerhub.StatusFlow, http: http.StatusNotFound, reason: "NOT_FOUND"},
	problem.Conflict:         {status: partnerhub.StatusFlow, http: http.StatusConflict, reason: "CONFLICT"},
	problem.Rejected:         {status: partnerhub.StatusFlow, http: http.StatusUnprocessableEntity, reason: "REJECTED"},
	problem.Unavailable:      {status: partnerhub.StatusFailed, http: http.StatusServiceUnavailable, reason: "UNAVAILABLE"},
	problem.BadUpstream:      {status: partnerhub.StatusFailed, http: http.StatusBadGateway, reason: "BACKEND_ERROR"},
	problem.Timeout:          {status: partnerhub.StatusFailed, http: http.StatusGatewayTimeout, reason: "TIMEOUT"},
	problem.Unknown:          {status: partnerhub.StatusFailed, http: http.StatusGatewayTimeout, reason: subscription.CodeOutcomeUnknown},
	problem.MethodNotAllowed: {status: partnerhub.StatusFailed, http: http.StatusMethodNotAllowed, always: true, reason: "METHOD_NOT_ALLOWED"},
	problem.TooLarge:         {status: partnerhub.StatusFailed, http: http.StatusRequestEntityTooLarge, always: true, reason: "BODY_TOO_LARGE"},
	problem.TargetTooLong:    {status: partnerhub.StatusFailed, http: http.StatusRequestURITooLong, always: true, reason: "URI_TOO_LONG"},
	problem.UnsupportedMedia: {status: partnerhub.StatusFailed, http: http.StatusUnsupportedMediaType, always: true, reason: "UNSUPPORTED_MEDIA_TYPE"},
	problem.HeadersTooLarge:  {status: partnerhub.StatusFailed, http: http.StatusRequestHeaderFieldsTooLarge, always: true, reason: "HEADERS_TOO_LARGE"},
	problem.Quota:            {status: partnerhub.StatusFailed, http: http.StatusTooManyRequests, always: true, reason: "TOO_MANY_REQUESTS"},
	problem.Shed:             {status: partnerhub.StatusFailed, http: http.StatusServiceUnavailable, always: true, reason: "OVERLOADED"},
	problem.Abandoned:        {status: partnerhub.StatusFailed, http: problem.StatusAbandoned, always: true, reason: "ABANDONED"},
	problem.Internal:         {status: partnerhub.StatusFailed, http: http.StatusInternalServerError, always: true, reason: "INTERNAL"},
}

// Results that neither code nor kind tells.
var (
	declined   = result{status: partnerhub.StatusFailed, http: http.StatusPaymentRequired, reason: subscription.CodeDeclined}
	unreadable = result{status: partnerhub.StatusFailed, http: http.StatusBadRequest, always: true, reason: "MALFORMED_REQUEST"}
	nowhere    = result{status: partnerhub.StatusFailed, http: http.StatusNotFound, always: true, reason: "NOT_FOUND"}
)

// resultOf is the row of an error. What a charge was declined for counts for more than that it was: a barred
// line is one whoever finds out, the hub or the operator.
func resultOf(e *problem.Error, at problem.Occurrence) result {
	r, known := byCode[e.Code]
	switch {
	case known:
	case errors.Is(e, errDeclined):
		r = declined
	case e.Kind == problem.Invalid:
		return invalid(e, at)
	case e.Kind == problem.NotFound && at.Operation == "":
		return nowhere
	default:
		r = byKind[e.Kind]
	}
	r.reason = cmp.Or(e.Code, byPolicy[at.Policy], r.reason)
	return r
}

// byPolicy are the causes of refusals that only their policy tells from others.
var byPolicy = map[string]string{policy.Origin: "ORIGIN_NOT_ALLOWED", policy.Switch: "SWITCHED_OFF"}

// invalid is the row of a request that breaks the contract: by its first field in the order of the document,
// those that are missing before those that are wrong. The cause names field and rule, and no value.
func invalid(e *problem.Error, at problem.Occurrence) result {
	if len(e.Fields) == 0 || e.Fields[0].Breach == problem.Unreadable || at.Policy == policy.Transport {
		return because(unreadable, e)
	}
	r := byKind[problem.Invalid]
	first := e.Fields[0]
	if first.Breach == problem.Missing || first.Rule == required { // what comes from the process has lost its breach
		r.reason = "MISSING_FIELD"
	}
	r.field = wireName(first.Path)
	return because(r, e)
}

const required = "is required"

// because is r with the first field and the rule that it breaks for its cause.
func because(r result, e *problem.Error) result {
	if len(e.Fields) > 0 {
		r.reason += ": " + e.Fields[0].String()
	}
	return r
}
