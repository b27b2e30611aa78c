package problem

import "net/http"

// Kind says what went wrong in terms a caller can act on. It decides the HTTP status. A Kind is
// itself an error, so that errors.Is(err, problem.NotFound) holds for every *Error of that kind,
// in this process or behind an HTTP hop.
type Kind uint8

// The kinds, by who has to act: first the caller's, then the caller's quota, then ours.
const (
	Internal         Kind = iota // 500: a defect of ours; says nothing outside
	Invalid                      // 400: the request breaks the contract; Fields say where
	Unauthenticated              // 401
	Forbidden                    // 403
	NotFound                     // 404
	MethodNotAllowed             // 405
	Conflict                     // 409: refused because of the state of something
	TooLarge                     // 413
	TargetTooLong                // 414
	UnsupportedMedia             // 415
	Rejected                     // 422: understood, and refused by a business rule
	HeadersTooLarge              // 431
	Abandoned                    // 499: the caller went away before it was answered
	Quota                        // 429: RetryAfter says when
	Shed                         // 503: refused early to protect the others; RetryAfter says when
	Unavailable                  // 503: a dependency or a switch keeps us from serving; RetryAfter
	BadUpstream                  // 502: a system answered with an error or with garbage
	Timeout                      // 504: the deadline passed
	Unknown                      // 504: the call may have acted; to be resolved by inquiry, never repeated
	kinds                        // their number
)

// StatusAbandoned is what log, metrics and audit show of a request whose caller went away: nginx's, for
// there is none in RFC 9110. Nobody reads it as an answer.
const StatusAbandoned = 499

var table = [kinds]struct {
	name    string
	status  int
	outcome string
}{
	Internal:         {"internal", http.StatusInternalServerError, "server"},
	Invalid:          {"invalid", http.StatusBadRequest, "client"},
	Unauthenticated:  {"unauthenticated", http.StatusUnauthorized, "client"},
	Forbidden:        {"forbidden", http.StatusForbidden, "client"},
	NotFound:         {"not_found", http.StatusNotFound, "client"},
	MethodNotAllowed: {"method_not_allowed", http.StatusMethodNotAllowed, "client"},
	Conflict:         {"conflict", http.StatusConflict, "client"},
	TooLarge:         {"too_large", http.StatusRequestEntityTooLarge, "client"},
	TargetTooLong:    {"target_too_long", http.StatusRequestURITooLong, "client"},
	UnsupportedMedia: {"unsupported_media", http.StatusUnsupportedMediaType, "client"},
	Rejected:         {"rejected", http.StatusUnprocessableEntity, "client"},
	HeadersTooLarge:  {"headers_too_large", http.StatusRequestHeaderFieldsTooLarge, "client"},
	Abandoned:        {"abandoned", StatusAbandoned, "client"},
	Quota:            {"quota", http.StatusTooManyRequests, "quota"},
	Shed:             {"shed", http.StatusServiceUnavailable, "shed"},
	Unavailable:      {"unavailable", http.StatusServiceUnavailable, "server"},
	BadUpstream:      {"bad_upstream", http.StatusBadGateway, "server"},
	Timeout:          {"timeout", http.StatusGatewayTimeout, "server"},
	Unknown:          {"unknown", http.StatusGatewayTimeout, "server"},
}

// Error makes a Kind the target of errors.Is.
func (k Kind) Error() string { return k.String() }

// String is the kind's name on the wire between layers.
func (k Kind) String() string {
	if k >= kinds {
		return table[Internal].name
	}
	return table[k].name
}

// Status is the HTTP status that answers this kind where a dialect has no rule of its own.
func (k Kind) Status() int {
	if k >= kinds {
		k = Internal
	}
	return table[k].status
}

// Outcome is the value of the outcome label of request metrics: client, quota, shed or server.
func (k Kind) Outcome() string {
	if k >= kinds {
		k = Internal
	}
	return table[k].outcome
}

// KindOf reads a kind's name back; a name it does not know is Internal.
func KindOf(name string) Kind {
	for k := range kinds {
		if table[k].name == name {
			return k
		}
	}
	return Internal
}
