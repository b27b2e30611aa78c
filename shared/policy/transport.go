package policy

import (
	"net/http"
	"strings"

	"puente/shared/problem"
)

// Limits of a request before its body (platform specification §2; both products' limits of the
// source document are kept). All are exact: the limit passes, one byte more does not.
const (
	maxTarget  = 4096
	maxHeader  = 16384
	maxHeaders = 32768
)

// transport reads the request line and the headers: their sizes, the spelling of the path and
// the announced length of the body.
func (e *Edge) transport(x *Exchange) {
	r := x.Request
	if len(r.TransferEncoding) > 0 {
		// RFC 9112 §6.1: behind a request with both length and chunking a second one could hide.
		x.SetHeader("Connection", "close")
	}
	if x.mode(Transport) != Off && !x.judge(Transport, transportFault(r, x.Route)) {
		x.SetHeader("Connection", "close")
		return
	}
	x.next()
}

func transportFault(r *http.Request, route *Route) error {
	if len(r.RequestURI) > maxTarget {
		return problem.TargetTooLong
	}
	all := len("Host") + len(r.Host) + 4
	for name, values := range r.Header {
		for _, v := range values {
			if len(name)+len(v) > maxHeader {
				return problem.HeadersTooLarge
			}
			all += len(name) + len(v) + 4
		}
	}
	if all > maxHeaders {
		return problem.HeadersTooLarge
	}
	if !canonical(r.RequestURI) {
		return &problem.Error{Kind: problem.Invalid, Fields: []problem.Field{{Path: "path", Rule: "must be in canonical form"}}}
	}
	if route.Operation != nil && r.ContentLength > route.Operation.MaxBody {
		return problem.TooLarge
	}
	return nil
}

// canonical reports whether a request target is an absolute path that has one reading only: no
// encoded slash or dot, no dot segment, empty segment, backslash, semicolon or control character.
func canonical(target string) bool {
	path, _, _ := strings.Cut(target, "?")
	if !strings.HasPrefix(path, "/") || strings.Contains(path, "//") {
		return false
	}
	if strings.ContainsAny(path, "\\;%") {
		lower := strings.ToLower(path)
		for _, doubtful := range []string{"\\", ";", "%2f", "%2e", "%5c", "%00", "%25", "%3b"} {
			if strings.Contains(lower, doubtful) {
				return false
			}
		}
	}
	if strings.Contains(path, "/.") {
		for segment := range strings.SplitSeq(path, "/") {
			if segment == "." || segment == ".." {
				return false
			}
		}
	}
	return true
}
