package contract

import (
	"errors"
	"net/netip"
	"net/url"

	"github.com/getkin/kin-openapi/openapi3"
)

// formats are the formats of strings that are checked. kin-openapi knows three of them; the others are
// defined for it here, so that it validates examples, and judges in tests, by the same rules.
var formats = map[string]func([]byte) bool{
	"byte":        expression(openapi3.FormatOfStringByte),
	"date":        expression(openapi3.FormatOfStringDate),
	"date-time":   expression(openapi3.FormatOfStringDateTime),
	"email":       expression(openapi3.FormatOfStringForEmail),
	"uuid":        expression(openapi3.FormatOfStringForUUIDOfRFC9562),
	"ipv4":        func(s []byte) bool { a, err := netip.ParseAddr(string(s)); return err == nil && a.Is4() },
	"ipv6":        func(s []byte) bool { a, err := netip.ParseAddr(string(s)); return err == nil && a.Is6() },
	"ip":          anAddress,
	"ip-or-empty": func(s []byte) bool { return len(s) == 0 || anAddress(s) },
	"uri":         func(s []byte) bool { u, err := url.Parse(string(s)); return err == nil && u.IsAbs() && u.Host != "" },
	"password":    nil, // tells an editor to hide what is typed; asks nothing of a value
}

// formatRules say in plain words what a format asks for.
var formatRules = map[string]string{
	"byte":        "must be Base64",
	"date":        "must be a date like 2025-05-25",
	"date-time":   "must be a date and time like 2025-05-25T17:32:28Z",
	"email":       "must be an e-mail address",
	"uuid":        "must be a UUID",
	"ipv4":        "must be an IPv4 address",
	"ipv6":        "must be an IPv6 address",
	"ip":          "must be an IPv4 or IPv6 address",
	"ip-or-empty": "must be an IPv4 or IPv6 address, or empty",
	"uri":         "must be an absolute URL",
}

// anAddress reports whether s is an address that any host would read the same way: no zone.
func anAddress(s []byte) bool {
	a, err := netip.ParseAddr(string(s))
	return err == nil && a.Zone() == ""
}

var errFormat = errors.New("not of the format") // says nothing of the value

func init() {
	for name, match := range formats {
		if match == nil {
			match = func([]byte) bool { return true }
		}
		openapi3.DefineStringFormatValidator(name, openapi3.NewCallbackValidator(func(s string) error {
			if !match([]byte(s)) {
				return errFormat
			}
			return nil
		}))
	}
}

func expression(expr string) func([]byte) bool {
	p, err := compilePattern(expr)
	if err != nil {
		panic(err) // the expressions are constants
	}
	return p.match
}
