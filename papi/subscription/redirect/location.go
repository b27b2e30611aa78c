package redirect

import (
	"errors"
	"net/netip"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"puente/papi/subscription/catalogue"
)

// maxLocation is the longest URL that a visitor may bring, in bytes.
const maxLocation = 2048

// Why a URL is refused: for the log.
var (
	errCharacters = errors.New("redirect: the URL has characters that a URL has not")
	errForm       = errors.New("redirect: the URL is not absolute, or has user or fragment")
	errScheme     = errors.New("redirect: the URL's scheme is not allowed")
	errHost       = errors.New("redirect: the URL's host has not the one form that all programs read alike")
	errPath       = errors.New("redirect: the URL's path or query may be read two ways")
	errUnlisted   = errors.New("redirect: the URL is not on the partner's list")
)

// Location is where a visitor may be sent who brought a URL: that one, in its canonical form, if the partner's
// list allows it (specification §7.1). Scheme, host and port are one of the list exactly, where the scheme's
// own port may be named or not, and the path is an entry's or continues it on a segment's boundary; the query
// is the visitor's. The list is that of the document, with its successUrl and errorUrl.
//
// A browser, the partner's server and this program must read the same host and path out of it, so what some
// read one way and some another (WHATWG URL, RFC 3986) is refused, and not repaired. A host in another script
// is refused in its letters, and passes as xn-- where the list has it so. An IP address passes only in its one
// canonical form, where the list has the very same, and for a partner in STAGING: a trial on somebody's machine.
func Location(p *catalogue.Partner, brought string) (string, error) {
	at, err := locate(p, brought)
	if err != nil {
		return "", err
	}
	list := append([]string{p.Redirect.SuccessURL, p.Redirect.ErrorURL}, p.Redirect.URLs...)
	for _, entry := range list {
		if listed, err := locate(p, entry); err == nil && listed.holds(at) {
			return at.String(), nil
		}
	}
	return "", errUnlisted
}

// location is a URL that can be read one way only.
type location struct {
	origin  string // scheme, host and port; without the scheme's own port
	path    string // decoded
	escaped string // as it was written
	query   string
}

func (l location) String() string {
	if l.query != "" {
		return l.origin + l.escaped + "?" + l.query
	}
	return l.origin + l.escaped
}

// holds reports whether other is at l, or below it.
func (l location) holds(other location) bool {
	rest, below := strings.CutPrefix(other.path, l.path)
	return l.origin == other.origin && below && (rest == "" || rest[0] == '/' || strings.HasSuffix(l.path, "/"))
}

// locate reads a URL, once.
func locate(p *catalogue.Partner, text string) (l location, err error) {
	if text == "" || len(text) > maxLocation || strings.ContainsFunc(text, foreign) {
		return l, errCharacters
	}
	u, err := url.Parse(text)
	if err != nil || u.Opaque != "" || u.Host == "" || u.User != nil || strings.Contains(text, "#") {
		return l, errForm // also of an empty fragment, which Parse does not tell of
	}
	if u.Scheme != "https" && (u.Scheme != "http" || !p.Redirect.AllowHTTP) {
		return l, errScheme
	}
	_, rest, _ := strings.Cut(text, "://")
	if authority := rest[:strings.IndexAny(rest+"/", "/?")]; authority != u.Host { // Parse decodes what is percent-encoded in it
		return l, errHost
	}
	host, ok := canonicalHost(p, strings.ToLower(u.Host), defaultPorts[u.Scheme])
	if !ok {
		return l, errHost
	}
	l = location{origin: u.Scheme + "://" + host, path: u.Path, escaped: u.EscapedPath(), query: u.RawQuery}
	if l.path == "" {
		l.path, l.escaped = "/", "/"
	}
	if _, err := url.ParseQuery(l.query); err != nil || !plainPath(l) {
		return l, errPath
	}
	return l, nil
}

// foreign is what stands in no URL as such (RFC 3986 §2), and what browsers take for something else.
func foreign(r rune) bool { return r <= ' ' || r >= 0x7f || strings.ContainsRune("\\\"<>^`{|}", r) }

var (
	defaultPorts = map[string]string{"https": "443", "http": "80"}
	hostName     = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$`)
	portNumber   = regexp.MustCompile(`^[1-9][0-9]{0,4}$`)
	numeric      = regexp.MustCompile(`^([0-9]+|0x[0-9a-f]*)$`) // the last label of what browsers read as an IPv4 address (WHATWG URL §3.5)
)

// canonicalHost reads host and port, in lower case, and leaves out the scheme's own port.
func canonicalHost(p *catalogue.Partner, text, own string) (string, bool) {
	host, port := text, ""
	if i := strings.LastIndexByte(text, ':'); i > strings.LastIndexByte(text, ']') {
		host, port = text[:i], text[i+1:]
		if n, err := strconv.Atoi(port); err != nil || n > 65535 || !portNumber.MatchString(port) {
			return "", false
		}
	}
	if port == own {
		port = ""
	}
	if port != "" {
		port = ":" + port
	}
	bare, six := strings.CutPrefix(host, "[")
	if six || numeric.MatchString(host[strings.LastIndexByte(host, '.')+1:]) {
		ip, err := netip.ParseAddr(strings.TrimSuffix(bare, "]"))
		canonical := err == nil && ip.Zone() == "" && (!six && ip.Is4() && ip.String() == host || six && ip.Is6() && !ip.Is4In6() && "["+ip.String()+"]" == host)
		return host + port, canonical && p.Environment == catalogue.Staging
	}
	return host + port, len(host) <= 253 && hostName.MatchString(host)
}

// plainPath reports whether the segments of a path are what they look like, to a server that decodes it once
// or twice, and before or after it looks for them.
func plainPath(l location) bool {
	if !utf8.ValidString(l.path) || strings.Contains(l.path, "//") || strings.ContainsFunc(l.path, func(r rune) bool { return r < ' ' || r == 0x7f || r == '\\' || r == '%' }) {
		return false
	}
	if strings.Count(l.path, "/") != strings.Count(l.escaped, "/") || !strings.HasPrefix(l.path, "/") {
		return false // one that was encoded
	}
	for segment := range strings.SplitSeq(l.path, "/") {
		name, _, _ := strings.Cut(segment, ";") // parameters, which some servers take off (RFC 3986 §3.3)
		if name == "." || name == ".." {
			return false
		}
	}
	return true
}
