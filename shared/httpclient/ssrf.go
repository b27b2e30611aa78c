package httpclient

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strings"
	"syscall"
)

// SSRF guards calls to URLs that come from outside (webhooks of partners, media of a chat) against
// being turned on our own network. It looks at the address that is really connected to, so that
// neither a name that resolves anew nor a spelling gets past it.
type SSRF struct {
	public  bool
	allowed map[string]bool // host:port
}

// NewSSRF allows the entries, each host:port, whatever address they resolve to, and if public is
// set any public address on the ports 80 and 443. Nothing else.
func NewSSRF(public bool, entries ...string) (*SSRF, error) {
	g := &SSRF{public: public, allowed: make(map[string]bool, len(entries))}
	var errs []error
	for _, entry := range entries {
		host, port, err := net.SplitHostPort(entry)
		if err != nil || host == "" || port == "" {
			errs = append(errs, fmt.Errorf("allowed host %q is not host:port", entry))
			continue
		}
		g.allowed[canonical(host, port)] = true
	}
	return g, errors.Join(errs...)
}

// barredError hides which rule or address it was: the text may reach whoever sent the URL.
type barredError struct{ why string }

func (e *barredError) Error() string { return "address not allowed: " + e.why }

func canonical(host, port string) string {
	return net.JoinHostPort(strings.ToLower(strings.TrimSuffix(host, ".")), port)
}

// Check says whether a URL may be registered: scheme, user, port, and an address that is spelled
// out. What a name resolves to is known, and checked, only when it is called.
func (g *SSRF) Check(u *url.URL) error {
	port := u.Port()
	switch {
	case u.Scheme != "http" && u.Scheme != "https":
		return &barredError{"scheme"}
	case u.User != nil:
		return &barredError{"user information"}
	case u.Hostname() == "":
		return &barredError{"no host"}
	case port == "" && u.Scheme == "https":
		port = "443"
	case port == "":
		port = "80"
	}
	if g.allowed[canonical(u.Hostname(), port)] {
		return nil
	}
	if !g.public || port != "80" && port != "443" {
		return &barredError{"host and port"}
	}
	if address, err := netip.ParseAddr(u.Hostname()); err == nil && !isPublic(address) {
		return &barredError{"not public"}
	}
	return nil
}

// dial wraps d: an address that is not allowed by name must be public once it is resolved.
func (g *SSRF) dial(d *net.Dialer) func(context.Context, string, string) (net.Conn, error) {
	guarded := *d
	guarded.Control = func(network, address string, _ syscall.RawConn) error {
		to, err := netip.ParseAddrPort(address)
		if err != nil || !isPublic(to.Addr()) {
			return &barredError{"not public"}
		}
		return nil
	}
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		if host, port, err := net.SplitHostPort(address); err == nil && g.allowed[canonical(host, port)] {
			return d.DialContext(ctx, network, address)
		}
		if !g.public {
			return nil, &barredError{"host and port"}
		}
		return guarded.DialContext(ctx, network, address)
	}
}

// special are ranges that no public service has, beyond those netip knows: IANA's special-purpose
// registries (RFC 6890 and updates).
var special = func() (prefixes []netip.Prefix) {
	for _, s := range []string{
		"0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "198.18.0.0/15",
		"198.51.100.0/24", "203.0.113.0/24", "240.0.0.0/4",
		"2001::/23",     // protocol assignments, Teredo among them: holds an IPv4 address
		"2001:db8::/32", // documentation
		"2002::/16",     // 6to4: holds an IPv4 address
		"3fff::/20",     // documentation
	} {
		prefixes = append(prefixes, netip.MustParsePrefix(s))
	}
	return prefixes
}()

var globalUnicast = netip.MustParsePrefix("2000::/3") // all of IPv6 that was ever given out

func isPublic(a netip.Addr) bool {
	a = a.Unmap() // ::ffff:10.0.0.1
	if !a.IsValid() || a.Zone() != "" || !a.IsGlobalUnicast() || a.IsPrivate() {
		return false
	}
	if a.Is6() && !globalUnicast.Contains(a) { // NAT64, unique local, site local, link local
		return false
	}
	for _, p := range special {
		if p.Contains(a) {
			return false
		}
	}
	return true
}
