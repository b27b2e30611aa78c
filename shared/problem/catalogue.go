package problem

import (
	"cmp"
	"slices"
	"strings"
)

// Entry is what the catalogue says of a code: GET /errors/{code} of the operations listener.
type Entry struct {
	Code    string `json:"code"`
	API     string `json:"api,omitempty"` // whose code it is; of a code that any API may answer there is none
	Status  int    `json:"status"`
	Meaning string `json:"meaning"`
	Acts    string `json:"acts"`            // who has to act: caller, operator or nobody
	Retry   string `json:"retry"`           // no, later, or with a new correlation
	Event   string `json:"event,omitempty"` // what security calls it: such an answer is recorded as an event of its own kind
}

// advice says, by kind, what a code of that kind asks for.
var advice = [kinds]struct{ meaning, acts, retry string }{
	Internal:         {"A defect of the platform.", "operator", "later"},
	Invalid:          {"The request breaks the contract; messageServer names field and rule.", "caller", "with a new correlation"},
	Unauthenticated:  {"The access token is missing, malformed, expired or revoked.", "caller", "no"},
	Forbidden:        {"The client, its contract, scope, system or address does not allow the call.", "caller", "no"},
	NotFound:         {"There is no such resource or operation.", "caller", "no"},
	MethodNotAllowed: {"The resource does not support the method.", "caller", "no"},
	Conflict:         {"The state does not allow the call.", "caller", "with a new correlation"},
	TooLarge:         {"The body is larger than the limit.", "caller", "no"},
	TargetTooLong:    {"The request target is longer than 4096 bytes.", "caller", "no"},
	UnsupportedMedia: {"The body must be JSON, not encoded.", "caller", "no"},
	Rejected:         {"A business rule refused the request.", "caller", "with a new correlation"},
	HeadersTooLarge:  {"A header is larger than 16384 bytes, or all are larger than 32768.", "caller", "no"},
	Abandoned:        {"The caller went away before it was answered.", "caller", "later"},
	Quota:            {"A request limit was reached; Retry-After says when to come back.", "caller", "later"},
	Shed:             {"The platform is at its capacity; Retry-After says when to come back.", "nobody", "later"},
	Unavailable:      {"A dependency, a circuit breaker or a switch keeps the API from serving.", "operator", "later"},
	BadUpstream:      {"A system behind the platform answered with an error or with garbage.", "operator", "later"},
	Timeout:          {"The deadline passed.", "operator", "later"},
	Unknown:          {"The outcome is not known yet; it is being resolved. The same correlation asks for it.", "nobody", "later"},
}

// Catalogue lists every code: those of the kinds, and those that contracts declare as their own.
func Catalogue(declared ...Entry) []Entry {
	all := slices.Clone(declared)
	for k := range kinds {
		a := advice[k]
		all = append(all, Entry{Code: muleRules[k].code, Status: muleRules[k].status, Meaning: a.meaning, Acts: a.acts, Retry: a.retry})
		if code := tmfCode(k); code != muleRules[k].code {
			all = append(all, Entry{Code: code, Status: k.Status(), Meaning: a.meaning, Acts: a.acts, Retry: a.retry})
		}
	}
	slices.SortStableFunc(all, func(a, b Entry) int {
		return cmp.Or(strings.Compare(a.Code, b.Code), cmp.Compare(a.Status, b.Status), strings.Compare(a.API, b.API))
	})
	return slices.CompactFunc(all, func(a, b Entry) bool { return a.Code == b.Code && a.Status == b.Status && a.API == b.API })
}

// Explain finds a code among those of the kinds and those declared.
func Explain(code string, declared ...Entry) (found []Entry) {
	for _, e := range Catalogue(declared...) {
		if strings.EqualFold(e.Code, code) {
			found = append(found, e)
		}
	}
	return found
}
