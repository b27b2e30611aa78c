package headerenrichment

import (
	"encoding/base64"
	"encoding/hex"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"puente/contracts/sapi/headerenrichment"
	"puente/shared/phone"
	"puente/test/apitest"
)

func TestConversations(t *testing.T) {
	apitest.Run(t, API, "testdata/*.txtar",
		apitest.Setting("sapi.headerenrichment.edges", []any{"192.0.2.0/28"}),
		apitest.Setting("sapi.headerenrichment.operators", []any{
			map[string]any{"name": "ENTEL", "country": "CL", "networks": []any{"10.20.0.0/16"}, "headers": []any{"X-MSISDN", "X-UP-CALLING-LINE-ID"}},
			map[string]any{"name": "ENTEL-PE", "country": "PE", "networks": []any{"10.30.0.0/16"}, "headers": []any{"MSISDN"}, "decoder": "hex"},
		}))
}

func TestNoOperators(t *testing.T) { apitest.Run(t, API, "testdata/none/*.txtar") }

// configuration has an operator for each decoder.
func configuration() *Config {
	prefix := func(s string) []netip.Prefix { return []netip.Prefix{netip.MustParsePrefix(s)} }
	return &Config{
		Edges: append(prefix("192.0.2.0/28"), prefix("2001:db8:e::/64")...),
		Operators: []Operator{
			{Name: "PLAIN", Country: phone.Chile, Networks: append(prefix("10.20.0.0/16"), prefix("2001:db8:1::/48")...), Headers: []string{"X-MSISDN", "X-UP-CALLING-LINE-ID"}},
			{Name: "HEX", Country: phone.Peru, Networks: prefix("10.30.0.0/16"), Headers: []string{"MSISDN"}, Decoder: Hex},
			{Name: "BASE64", Country: phone.Chile, Networks: prefix("10.40.0.0/16"), Headers: []string{"X-WAP-NETWORK-CLIENT-MSISDN"}, Decoder: Base64},
		},
	}
}

const (
	plainPeer, hexPeer, base64Peer, edge = "10.20.0.5", "10.30.0.5", "10.40.0.5", "192.0.2.1"

	number, other = "56912345678", "56987654321"
	peruvian      = "51912345678"
)

func headers(pairs ...string) []headerenrichment.Header {
	all := []headerenrichment.Header{}
	for pair := range slices.Chunk(pairs, 2) {
		all = append(all, headerenrichment.Header{Name: pair[0], Value: pair[1]})
	}
	return all
}

func TestResolve(t *testing.T) {
	if err := configuration().Validate(); err != nil {
		t.Fatal(err)
	}
	s := newSystem(configuration())
	is := func(operator, msisdn string) headerenrichment.Resolution {
		return headerenrichment.Resolution{MSISDN: msisdn, Operator: operator}
	}
	not := func(r headerenrichment.Reason) headerenrichment.Resolution {
		return headerenrichment.Resolution{Reason: r}
	}
	const (
		untrusted = headerenrichment.ReasonUntrustedPeer
		none      = headerenrichment.ReasonNoHeader
		conflict  = headerenrichment.ReasonConflictingValues
		undecoded = headerenrichment.ReasonUndecodable
		noMSISDN  = headerenrichment.ReasonNotMSISDN
	)
	hexOf := func(s string) string { return hex.EncodeToString([]byte(s)) }
	standard := base64.StdEncoding.EncodeToString([]byte(number)) // of 11 bytes: one =
	for _, test := range []struct {
		name            string
		peer, forwarded string
		headers         []headerenrichment.Header
		want            headerenrichment.Resolution
	}{
		{"the operator's proxy", plainPeer, "", headers("X-MSISDN", number), is("PLAIN", number)},
		{"by IPv6", "2001:db8:1::5", "", headers("X-MSISDN", number), is("PLAIN", number)},
		{"by IPv4 as IPv6", "::ffff:10.20.0.5", "", headers("X-MSISDN", number), is("PLAIN", number)},
		{"our edge, called by it", edge, plainPeer, headers("X-MSISDN", number), is("PLAIN", number)},
		{"our edge by IPv6", "2001:db8:e::1", "2001:db8:1::5", headers("X-MSISDN", number), is("PLAIN", number)},

		{"from the Internet", "203.0.113.9", "", headers("X-MSISDN", number), not(untrusted)},
		{"which forges who called it", "203.0.113.9", plainPeer, headers("X-MSISDN", number), not(untrusted)},
		{"or an edge", "203.0.113.9", edge, headers("X-MSISDN", number), not(untrusted)},
		{"our edge, called from the Internet", edge, "203.0.113.9", headers("X-MSISDN", number), not(untrusted)},
		{"our edge, called by nobody it names", edge, "", headers("X-MSISDN", number), not(untrusted)},
		{"our edge, called by an edge", edge, "192.0.2.2", headers("X-MSISDN", number), not(untrusted)},
		{"a list of who called it", edge, plainPeer + ", " + plainPeer, headers("X-MSISDN", number), not(untrusted)},
		{"the operator's proxy counts, not whom it names", plainPeer, "203.0.113.9", headers("X-MSISDN", number), is("PLAIN", number)},
		{"no address", "", plainPeer, headers("X-MSISDN", number), not(untrusted)},
		{"an address with a port", "10.20.0.5:4711", "", headers("X-MSISDN", number), not(untrusted)},
		{"an address with a zone", "2001:db8:1::5%eth0", "", headers("X-MSISDN", number), not(untrusted)},
		{"a name", "proxy.example.net", "", headers("X-MSISDN", number), not(untrusted)},
		{"one beside the network", "10.21.0.0", "", headers("X-MSISDN", number), not(untrusted)},

		{"no headers", plainPeer, "", headers(), not(none)},
		{"none of the operator's", plainPeer, "", headers("User-Agent", number), not(none)},
		{"another operator's", plainPeer, "", headers("MSISDN", number), not(none)},
		{"a name that is longer", plainPeer, "", headers("X-MSISDN-2", number), not(none)},
		{"an empty one", plainPeer, "", headers("X-MSISDN", ""), not(none)},
		{"an empty list", plainPeer, "", headers("X-MSISDN", " , ,"), not(none)},
		{"a name in another case", plainPeer, "", headers("x-msisdn", number), is("PLAIN", number)},
		{"the operator's other header", plainPeer, "", headers("X-Up-Calling-Line-Id", number), is("PLAIN", number)},
		{"space around", plainPeer, "", headers("X-MSISDN", " \t"+number+" "), is("PLAIN", number)},

		{"twice the same", plainPeer, "", headers("X-MSISDN", number, "X-MSISDN", number), is("PLAIN", number)},
		{"twice in one line", plainPeer, "", headers("X-MSISDN", number+", "+number), is("PLAIN", number)},
		{"the same in two headers", plainPeer, "", headers("X-MSISDN", number, "X-UP-CALLING-LINE-ID", number), is("PLAIN", number)},
		{"the same, written otherwise", plainPeer, "", headers("X-MSISDN", number, "X-MSISDN", "+"+number), is("PLAIN", number)},
		{"one beside an empty one", plainPeer, "", headers("X-MSISDN", "", "X-MSISDN", number), is("PLAIN", number)},
		{"two numbers", plainPeer, "", headers("X-MSISDN", number, "X-MSISDN", other), not(conflict)},
		{"two numbers in one line", plainPeer, "", headers("X-MSISDN", other+","+number), not(conflict)},
		{"two numbers in two headers", plainPeer, "", headers("X-MSISDN", number, "x-up-calling-line-id", other), not(conflict)},
		{"a number and something else", plainPeer, "", headers("X-MSISDN", number, "X-MSISDN", "unknown"), not(conflict)},
		{"a number, and another in a header that is not the operator's", plainPeer, "", headers("X-MSISDN", number, "MSISDN", other), is("PLAIN", number)},

		{"with +", plainPeer, "", headers("X-MSISDN", "+"+number), is("PLAIN", number)},
		{"with 00", plainPeer, "", headers("X-MSISDN", "00"+number), is("PLAIN", number)},
		{"the national form", plainPeer, "", headers("X-MSISDN", number[2:]), not(noMSISDN)},
		{"another country's", plainPeer, "", headers("X-MSISDN", peruvian), not(noMSISDN)},
		{"a fixed line's", plainPeer, "", headers("X-MSISDN", "56221234567"), not(noMSISDN)},
		{"an alias", plainPeer, "", headers("X-MSISDN", "a8f5f167f44f4964e6c998dee827110c"), not(noMSISDN)},
		{"two that are no numbers", plainPeer, "", headers("X-MSISDN", "x", "X-MSISDN", "y"), not(noMSISDN)},
		{"one that is too long", plainPeer, "", headers("X-MSISDN", strings.Repeat("5", maxValue+1)), not(undecoded)},

		{"hexadecimal", hexPeer, "", headers("MSISDN", hexOf(peruvian)), is("HEX", peruvian)},
		{"in capitals", hexPeer, "", headers("MSISDN", strings.ToUpper(hexOf("+"+peruvian))), is("HEX", peruvian)},
		{"plain where hexadecimal should be", hexPeer, "", headers("MSISDN", peruvian), not(undecoded)},
		{"half a byte", hexPeer, "", headers("MSISDN", hexOf(peruvian)+"3"), not(undecoded)},
		{"hexadecimal of another country's", hexPeer, "", headers("MSISDN", hexOf(number)), not(noMSISDN)},
		{"hexadecimal and plain", hexPeer, "", headers("MSISDN", hexOf(peruvian), "MSISDN", peruvian), not(conflict)},

		{"Base64", base64Peer, "", headers("X-WAP-NETWORK-CLIENT-MSISDN", standard), is("BASE64", number)},
		{"without padding", base64Peer, "", headers("X-WAP-NETWORK-CLIENT-MSISDN", strings.TrimRight(standard, "=")), is("BASE64", number)},
		{"with too much", base64Peer, "", headers("X-WAP-NETWORK-CLIENT-MSISDN", standard+"="), not(undecoded)},
		{"with a break", base64Peer, "", headers("X-WAP-NETWORK-CLIENT-MSISDN", standard[:4]+"\n"+standard[4:]), not(undecoded)},
		{"with bits that say nothing", base64Peer, "", headers("X-WAP-NETWORK-CLIENT-MSISDN", "NTY5MTIzNDU2Nzh="), not(undecoded)},
		{"of something else", base64Peer, "", headers("X-WAP-NETWORK-CLIENT-MSISDN", "-__-"), not(noMSISDN)},
		{"no Base64", base64Peer, "", headers("X-WAP-NETWORK-CLIENT-MSISDN", "*"), not(undecoded)},
	} {
		got, err := s.Resolve(t.Context(), headerenrichment.Request{Headers: test.headers, Peer: test.peer, Forwarded: test.forwarded})
		if err != nil || got != test.want {
			t.Errorf("%s: %+v %v, not %+v", test.name, got, err, test.want)
		}
	}
	if got, err := newSystem(&Config{}).Resolve(t.Context(), headerenrichment.Request{Headers: headers("X-MSISDN", number), Peer: plainPeer}); err != nil || got != not(untrusted) {
		t.Errorf("without operators %+v %v", got, err)
	}
}

// Whatever is sent, from wherever: a line comes only from an operator's proxy, or an edge that one called,
// is canonical, and is told together with the operator or not at all.
func FuzzResolve(f *testing.F) {
	for _, peer := range []string{plainPeer, hexPeer, base64Peer, edge, "203.0.113.9", "::ffff:10.20.0.5", "2001:db8:1::5", "2001:db8:1::5%1", "", "10.20.0.5:1"} {
		for _, forwarded := range []string{"", plainPeer, "203.0.113.9", edge} {
			f.Add(peer, forwarded, "X-MSISDN", number, other)
			f.Add(peer, forwarded, "MSISDN", hex.EncodeToString([]byte(peruvian)), "")
			f.Add(peer, forwarded, "x-wap-network-client-msisdn", "NTY5MTIzNDU2Nzg=", "NTY5MTIzNDU2Nzg")
		}
	}
	s := newSystem(configuration())
	// The rule once more, in other words.
	trusted := func(peer, forwarded string) bool {
		within := func(a string, networks ...string) bool {
			addr, err := netip.ParseAddr(a)
			if err != nil || addr.Zone() != "" {
				return false
			}
			for _, n := range networks {
				if p := netip.MustParsePrefix(n); p.Masked().Addr() == netip.PrefixFrom(addr.Unmap(), p.Bits()).Masked().Addr() {
					return true
				}
			}
			return false
		}
		operators := []string{"10.20.0.0/16", "2001:db8:1::/48", "10.30.0.0/16", "10.40.0.0/16"}
		return within(peer, operators...) || within(peer, "192.0.2.0/28", "2001:db8:e::/64") && within(forwarded, operators...)
	}
	f.Fuzz(func(t *testing.T, peer, forwarded, name, one, two string) {
		got, err := s.Resolve(t.Context(), headerenrichment.Request{
			Headers: headers(name, one, "X-MSISDN", two, name, two), Peer: peer, Forwarded: forwarded,
		})
		if err != nil {
			t.Fatal(err)
		}
		found := got.MSISDN != ""
		if found != (got.Operator != "") || found == (got.Reason != "") {
			t.Fatalf("%+v", got)
		}
		if ok := trusted(peer, forwarded); ok == (got.Reason == headerenrichment.ReasonUntrustedPeer) {
			t.Fatalf("%q, called by %q: %+v", peer, forwarded, got)
		}
		if found && !phone.Chile.Canonical(got.MSISDN) && !phone.Peru.Canonical(got.MSISDN) {
			t.Fatalf("%+v", got)
		}
	})
}

func TestValidate(t *testing.T) {
	prefix := netip.MustParsePrefix
	for name, test := range map[string]struct {
		spoil func(*Config)
		tells string
	}{
		"nothing at all":        {func(c *Config) { *c = Config{} }, ""},
		"no name":               {func(c *Config) { c.Operators[0].Name = "" }, "operators[0]: name: "},
		"a name in small":       {func(c *Config) { c.Operators[0].Name = "entel" }, "operators[0]: name: "},
		"a name twice":          {func(c *Config) { c.Operators[1].Name = "PLAIN" }, "operators[1]: name: PLAIN is there twice"},
		"no country":            {func(c *Config) { c.Operators[0].Country = "" }, "country: is required"},
		"no networks":           {func(c *Config) { c.Operators[0].Networks = nil }, "networks: is required"},
		"no headers":            {func(c *Config) { c.Operators[0].Headers = nil }, "headers: is required"},
		"no header":             {func(c *Config) { c.Operators[0].Headers = []string{"X MSISDN"} }, "headers: must be names"},
		"who called":            {func(c *Config) { c.Operators[0].Headers = []string{"x-forwarded-for"} }, "headers: X-Forwarded-For"},
		"everybody":             {func(c *Config) { c.Operators[0].Networks = []netip.Prefix{prefix("0.0.0.0/0")} }, "a network of all addresses"},
		"all edges":             {func(c *Config) { c.Edges = []netip.Prefix{prefix("::/0")} }, "edges: a network of all addresses"},
		"an address for many":   {func(c *Config) { c.Edges = []netip.Prefix{prefix("192.0.2.1/28")} }, "write 192.0.2.0/28"},
		"IPv4 as IPv6":          {func(c *Config) { c.Edges = []netip.Prefix{prefix("::ffff:192.0.2.0/124")} }, "must be written as IPv4"},
		"an edge of theirs":     {func(c *Config) { c.Edges = []netip.Prefix{prefix("10.20.0.128/25")} }, "operators[0].networks: 10.20.0.0/16 overlaps 10.20.0.128/25 of edges"},
		"two operators' proxy":  {func(c *Config) { c.Operators[2].Networks = []netip.Prefix{prefix("10.20.1.0/24")} }, "operators[2].networks: 10.20.1.0/24 overlaps"},
		"the same proxy's twin": {func(c *Config) { c.Operators[2].Networks = []netip.Prefix{prefix("10.20.0.0/16")} }, "overlaps 10.20.0.0/16 of operators[0].networks"},
	} {
		c := configuration()
		test.spoil(c)
		if err := c.Validate(); (err == nil) != (test.tells == "") || err != nil && !strings.Contains(err.Error(), test.tells) {
			t.Errorf("%s: %v", name, err)
		}
	}
	var d Decoder
	if err := d.UnmarshalText([]byte("alias")); err == nil || d.UnmarshalText([]byte("base64")) != nil || d != Base64 {
		t.Error(d, err)
	}
}
