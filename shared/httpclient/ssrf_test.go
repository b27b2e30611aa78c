package httpclient

import (
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"puente/shared/problem"
)

func TestOnlyPublicAddressesAreCalled(t *testing.T) {
	tests := map[string]bool{
		"8.8.8.8": true, "190.24.0.1": true, "2800:3f0:4005::1": true, "::ffff:8.8.8.8": true,
		"127.0.0.1": false, "127.8.8.8": false, "10.0.0.1": false, "172.16.0.1": false, "172.31.255.255": false,
		"192.168.1.1": false, "169.254.169.254": false, "100.64.0.1": false, "100.100.100.200": false, "0.0.0.0": false,
		"0.1.2.3": false, "224.0.0.1": false, "239.255.255.250": false, "240.0.0.1": false, "255.255.255.255": false,
		"192.0.0.192": false, "192.0.2.1": false, "198.18.0.1": false, "198.51.100.1": false, "203.0.113.1": false,
		"::": false, "::1": false, "::ffff:127.0.0.1": false, "::ffff:10.0.0.1": false, "::ffff:169.254.169.254": false,
		"::127.0.0.1": false, "fe80::1": false, "fe80::1%eth0": false, "fec0::1": false, "fc00::1": false, "fd00:ec2::254": false,
		"ff02::1": false, "64:ff9b::7f00:1": false, "64:ff9b:1::1": false, "2002:7f00:1::": false,
		"2001:0:4136:e378::1": false, "2001:db8::1": false, "100::1": false,
	}
	for address, want := range tests {
		if got := isPublic(netip.MustParseAddr(address)); got != want {
			t.Errorf("%s public: %v, want %v", address, got, want)
		}
	}
}

// An IPv4 address is the same address behind ::ffff:.
func TestMappedAddressesAreTheirOwnSelves(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var four [4]byte
		for i := range four {
			four[i] = rapid.Byte().Draw(t, "octet")
		}
		a := netip.AddrFrom4(four)
		if isPublic(a) != isPublic(netip.AddrFrom16(a.As16())) {
			t.Fatalf("%v and its mapped form differ", a)
		}
		std := net.IP(four[:])
		if isPublic(a) && (std.IsPrivate() || std.IsLoopback() || std.IsLinkLocalUnicast() || std.IsMulticast() || std.IsUnspecified()) {
			t.Fatalf("%v is public", a)
		}
	})
}

func TestURLsThatMayBeRegistered(t *testing.T) {
	guard, err := NewSSRF(true, "partner.internal:8443", "127.0.0.1:9100")
	if err != nil {
		t.Fatal(err)
	}
	tests := map[string]bool{
		"https://hooks.example.com/x": true, "http://hooks.example.com": true, "https://hooks.example.com:443/": true,
		"https://8.8.8.8/": true, "https://partner.internal:8443/": true, "https://PARTNER.internal.:8443/": true,
		"http://127.0.0.1:9100/":        true,
		"https://hooks.example.com:22/": false, "https://partner.internal:8444/": false, "http://127.0.0.1:9101/": false,
		"http://127.0.0.1/": false, "http://[::1]/": false, "http://[::ffff:7f00:1]/": false, "http://169.254.169.254/latest": false,
		"ftp://hooks.example.com/": false, "file:///etc/passwd": false, "gopher://hooks.example.com": false, "//hooks.example.com": false,
		"https://user@hooks.example.com/": false, "https://user:pw@hooks.example.com/": false, "https:///x": false,
		"http://[fe80::1%25eth0]/": false,
	}
	for address, want := range tests {
		u, err := url.Parse(address)
		if err != nil {
			t.Fatal(err)
		}
		if err := guard.Check(u); (err == nil) != want {
			t.Errorf("%s: %v, want allowed %v", address, err, want)
		}
	}
	if _, err := NewSSRF(false, "nohost"); err == nil {
		t.Error("an entry without a port was accepted")
	}
}

// Every spelling of this machine that a resolver or a dialler understands, with a canary listening.
func TestNothingPrivateIsConnectedTo(t *testing.T) {
	canary := listen(t, func(c *net.TCPConn, next func() *http.Request) { next() })
	_, port, _ := net.SplitHostPort(strings.TrimPrefix(canary.url, "http://"))
	guard := &SSRF{public: true, allowed: map[string]bool{}}
	for _, public := range []bool{true, false} {
		guard.public = public
		c := New("webhooks", Config{}, Deps{Guard: guard})
		rt := c.Operation("deliver", Once)
		for _, host := range []string{"127.0.0.1", "localhost", "LOCALHOST", "localhost.", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0", "127.1", "2130706433", "0x7f000001", "0177.0.0.1"} {
			_, err := rt.RoundTrip(request(t, http.MethodPost, "http://"+host+":"+port))
			if err == nil || !Unsent(err) {
				t.Errorf("%s: error %v, unsent %v", host, err, Unsent(err))
			}
			// And past the check of the URL, as a name that resolves to it would be.
			conn, err := guard.dial(&net.Dialer{})(t.Context(), "tcp", strings.Trim(host, "[]")+":"+port)
			if strings.Contains(host, ":") {
				conn, err = guard.dial(&net.Dialer{})(t.Context(), "tcp", host+":"+port)
			}
			if err == nil {
				_ = conn.Close()
				t.Errorf("%s was connected to", host)
			}
		}
		if s := c.States()[Once].State; s != Closed {
			t.Errorf("refusals of ours opened the breaker: %v", s)
		}
		c.Close()
	}
	if n := canary.conns.Load(); n != 0 {
		t.Errorf("%d connections reached the canary", n)
	}
}

func TestNamesAreCheckedWhereTheyLead(t *testing.T) {
	canary := listen(t, func(c *net.TCPConn, next func() *http.Request) { next() })
	_, port, _ := net.SplitHostPort(strings.TrimPrefix(canary.url, "http://"))
	guard, _ := NewSSRF(true, "elsewhere.test:"+port) // the port is open, the name is another's
	guard.allowed["x:"+port] = true
	c := New("webhooks", Config{}, Deps{Guard: guard})
	defer c.Close()
	// The transport is given the name as if the URL had passed.
	conn, err := c.transport.(*pool).connect(t.Context(), "tcp", "localhost:"+port)
	if err == nil {
		_ = conn.Close()
		t.Error("localhost was connected to")
	}
	if canary.conns.Load() != 0 {
		t.Error("the canary was reached")
	}
}

func TestTheGuardsRefusalIsTheCallersFault(t *testing.T) {
	guard, _ := NewSSRF(true)
	c := New("webhooks", Config{}, Deps{Guard: guard})
	defer c.Close()
	_, err := c.Operation("deliver", Once).RoundTrip(request(t, http.MethodPost, "http://10.1.2.3"))
	wantKind(t, err, problem.Rejected)
	if !Unsent(err) {
		t.Error("not known to be unsent")
	}
}

func TestListedPrivateAddressesAreCalled(t *testing.T) {
	p := listen(t, func(c *net.TCPConn, next func() *http.Request) {
		if next() != nil {
			says(c, ok)
		}
	})
	guard, err := NewSSRF(false, strings.TrimPrefix(p.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	c := New("webhooks", Config{}, Deps{Guard: guard})
	defer c.Close()
	if _, err := c.Operation("deliver", Once).RoundTrip(request(t, http.MethodPost, p.url)); err != nil {
		t.Error(err)
	}
}
