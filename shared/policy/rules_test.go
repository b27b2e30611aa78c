package policy

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"regexp"
	"strings"
	"testing"
	"time"

	"puente/shared/contract"
	"puente/shared/problem"
)

func TestCanonicalTargetsHaveOneReading(t *testing.T) {
	for target, want := range map[string]bool{
		"/v1/salesOrder/portabilities/status": true, "/": true, "/a/b.c/..d": true, "/a?x=/../%2f": true, "/caf%C3%A9": true,
		"": false, "v1": false, "http://host/v1": false, "//v1": false, "/v1//a": false, "/v1/./a": false, "/v1/../a": false, "/v1/..": false,
		"/v1/%2e%2e/a": false, "/v1%2Fa": false, "/v1%5ca": false, "/v1\\a": false, "/v1;a": false, "/v1%00": false, "/v1/%252f": false,
	} {
		if got := canonical(target); got != want {
			t.Errorf("canonical(%q) = %v", target, got)
		}
	}
}

func TestBodiesAreOfTheirMediaTypeInUTF8(t *testing.T) {
	for contentType, want := range map[string]bool{
		"application/json": true, "application/json;charset=utf-8": true, `Application/JSON; charset="UTF-8"`: true, "application/json; odata=verbose": true,
		"": false, "text/json": false, "application/json; charset=iso-8859-1": false, "application/json; charset=": false, "application/json; charset=utf-8; charset=utf-16": false, "application/json; =": false,
	} {
		if got := isMedia(contentType, "application/json"); got != want {
			t.Errorf("%q: %v", contentType, got)
		}
	}
}

func TestTransportLimitsAreExact(t *testing.T) {
	route := &Route{Operation: &contract.Operation{MaxBody: 100}}
	request := func(target string, header http.Header, length int64) *http.Request {
		r := httptest.NewRequest(http.MethodPost, "/", nil)
		r.RequestURI, r.Header, r.ContentLength, r.Host = target, header, length, "h"
		return r
	}
	of := func(name string, bytes int) http.Header {
		return http.Header{name: {strings.Repeat("v", bytes-len(name))}}
	}
	host := len("Host") + len("h") + 4
	many := func(bytes int) http.Header { // three headers that together are that long
		h := of("A-One", 12000)
		h["A-Two"] = of("A-Two", 12000)["A-Two"]
		h["A-Three"] = of("A-Three", bytes-host-2*(12000+4)-4)["A-Three"]
		return h
	}
	for name, c := range map[string]struct {
		r    *http.Request
		want error
	}{
		"target at the limit":      {request("/"+strings.Repeat("a", 4095), nil, 0), nil},
		"target beyond":            {request("/"+strings.Repeat("a", 4096), nil, 0), problem.TargetTooLong},
		"header at the limit":      {request("/", of("A-Name", 16384), 0), nil},
		"header beyond":            {request("/", of("A-Name", 16385), 0), problem.HeadersTooLarge},
		"all headers at the limit": {request("/", many(32768), 0), nil},
		"all headers beyond":       {request("/", many(32769), 0), problem.HeadersTooLarge},
		"body at the limit":        {request("/", nil, 100), nil},
		"body beyond":              {request("/", nil, 101), problem.TooLarge},
	} {
		if err := transportFault(c.r, route); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

func TestForwardedAddressesCountFromListedProxiesOnly(t *testing.T) {
	proxies := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	for name, c := range map[string]struct {
		peer, forwarded, want string
		trusted               []netip.Prefix
	}{
		"nobody is listed":           {"10.0.0.1:1", "1.2.3.4", "10.0.0.1", nil},
		"not from a proxy":           {"9.9.9.9:1", "1.2.3.4", "9.9.9.9", proxies},
		"from a proxy":               {"10.0.0.1:1", "1.2.3.4", "1.2.3.4", proxies},
		"through two proxies":        {"10.0.0.1:1", "1.2.3.4, 10.0.0.2", "1.2.3.4", proxies},
		"the client lies":            {"10.0.0.1:1", "6.6.6.6, 1.2.3.4", "1.2.3.4", proxies},
		"what is no address":         {"10.0.0.1:1", "unknown", "10.0.0.1", proxies},
		"IPv4 in IPv6 of the socket": {"[::ffff:10.0.0.1]:1", "1.2.3.4", "1.2.3.4", proxies},
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.RemoteAddr = c.peer
		r.Header.Set("X-Forwarded-For", c.forwarded)
		if got := clientAddress(r, c.trusted).String(); got != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
}

func TestBearerTakesOneWellFormedToken(t *testing.T) {
	const good = "abcdefghijklmnop"
	for name, c := range map[string]struct {
		values []string
		ok     bool
	}{
		"one":               {[]string{"Bearer " + good}, true},
		"scheme in capital": {[]string{"BEARER " + good}, true},
		"none":              {nil, false},
		"two":               {[]string{"Bearer " + good, "Bearer " + good}, false},
		"another scheme":    {[]string{"Basic " + good}, false},
		"three characters":  {[]string{"Bearer abc"}, false},
		"empty":             {[]string{"Bearer "}, false},
		"a space inside":    {[]string{"Bearer abcdefgh ijklmnop"}, false},
		"not ASCII":         {[]string{"Bearer abcdefghijklmnñp"}, false},
		"a megabyte":        {[]string{"Bearer " + strings.Repeat("a", 1<<20)}, false},
	} {
		token, err := bearer(c.values)
		if (err == nil) != c.ok || c.ok && token != good {
			t.Errorf("%s: %q, %v", name, token, err)
		}
		if err != nil && !errors.Is(err, problem.Unauthenticated) {
			t.Errorf("%s: %v is not Unauthenticated", name, err)
		}
	}
}

func TestTokensHaveTheCharactersOfRFC6750(t *testing.T) {
	const allowed = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~+/="
	for b := range 256 {
		if got := b64token(string([]byte{'a', byte(b), 'a'})); got != (strings.IndexByte(allowed, byte(b)) >= 0) {
			t.Errorf("%q: %v", byte(b), got)
		}
	}
}

func TestMadeCorrelationsHaveTheDocumentedPattern(t *testing.T) {
	at := time.Date(2025, 5, 22, 14, 53, 0, 0, bogota)
	id := made("MiETB", at)
	if !regexp.MustCompile(`^MIETB-220520251453-[0-9]{10}$`).MatchString(id) || !wellFormed(id) {
		t.Errorf("made %q", id)
	}
	if made("MiETB", at) == id {
		t.Error("the same correlation was made twice")
	}
}

func TestWellFormed(t *testing.T) {
	for id, want := range map[string]bool{
		"LUZ-0.26090": true, "a b": true, "": false, " a": false, "a ": false, "a\r\nX: y": false, "ñ": false, "a\x00b": false,
		strings.Repeat("a", 128): true, strings.Repeat("a", 129): false,
	} {
		if got := wellFormed(id); got != want {
			t.Errorf("wellFormed(%q) = %v", id, got)
		}
	}
}

func TestMemberFindsTopLevelMembersOnly(t *testing.T) {
	body := []byte(`{"order":{"phone":"1"},"phone":"\u0033000000019","n":5}`) // an escape is no other phone
	for name, want := range map[string]string{"phone": `3000000019`, "n": "5", "flow": "", "order": `{"phone":"1"}`} {
		if got := string(member(body, name)); got != want {
			t.Errorf("member(%s) = %s, want %s", name, got, want)
		}
	}
	if got := member([]byte(`[1]`), "phone"); got != nil {
		t.Errorf("of an array: %s", got)
	}
	for path, want := range map[string]string{"order.phone": "1", "order.flow": "", "phone.order": "", "n": "5"} {
		if got := string(named(body, path)); got != want {
			t.Errorf("named(%s) = %s, want %s", path, got, want)
		}
	}
}

// Modes that let nobody in were accepted, and every call was answered 403.
func TestModesThatNobodyCouldPassAreRefused(t *testing.T) {
	type modes = map[string]Mode
	for name, c := range map[string]struct {
		all, one modes
		want     string
	}{
		"the defaults":                  {nil, nil, ""},
		"token off":                     {modes{Token: Off}, nil, "modes.token: must be enforce while client is"},
		"token in shadow":               {modes{Token: Shadow}, nil, "modes.token"},
		"both off":                      {modes{Token: Off, Client: Off}, nil, ""},
		"both in shadow":                {modes{Token: Shadow, Client: Shadow}, nil, ""},
		"token off, client in shadow":   {modes{Token: Off, Client: Shadow}, nil, ""},
		"client off, its limit not":     {modes{Client: Off, ClientLimit: Enforce}, nil, ""},
		"token off for one API":         {nil, modes{Token: Off}, "apis.portabilities.modes.token"},
		"both off for one API":          {nil, modes{Token: Off, Client: Off}, ""},
		"client enforced for one again": {modes{Token: Off, Client: Off}, modes{Client: Enforce}, "apis.portabilities.modes.client: must not be enforce while token is not"},
		"token off where client is":     {modes{Client: Off}, modes{Token: Off}, ""},
	} {
		s := Defaults()
		s.Modes, s.APIs = c.all, map[string]APIset{"portabilities": {Modes: c.one}}
		err := s.Validate()
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

func TestSettingsNameWhatIsWrong(t *testing.T) {
	s := Defaults()
	s.Modes = map[string]Mode{"tokens": Enforce, Token: "on"}
	s.Allow = []string{"10.0.0.0/8", "nowhere"}
	s.Token.Cache = 2 * time.Minute
	s.Answers.Sample = 1.1
	s.APIs = map[string]APIset{"portabilities": {Method: "none", Subjects: []contract.SubjectLimit{{Name: "phone"}}}}
	err := s.Validate()
	if err == nil {
		t.Fatal("they are valid")
	}
	for _, want := range []string{"modes.tokens", "modes.token: must be off", "allow[1]", "token.cache", "answers.sample", "apis.portabilities.method", "apis.portabilities.subjects[0]"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not named in %v", want, err)
		}
	}
	good := Defaults()
	good.APIs = map[string]APIset{"portabilities": {Modes: map[string]Mode{Origin: Shadow}, Method: "introspection", Allow: []string{"10.1.2.3"}}}
	if err := good.Validate(); err != nil {
		t.Fatal(err)
	}
	if good.Mode("portabilities", Origin) != Shadow || good.Mode("portabilities", Token) != Enforce || good.Mode("other", Origin) != Enforce {
		t.Error("modes of one API reach others, or do not reach it")
	}
	if good.Method("portabilities") != "introspection" || good.Method("other") != "jwt" {
		t.Error("methods are not per API")
	}
}
