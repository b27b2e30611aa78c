package sandbox_test

import (
	"context"
	"encoding/json"
	"fmt"
	"html"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"reflect"
	"strings"
	"testing"

	"puente/test/sandbox/mobile"
	"puente/test/sandbox/sandboxtest"
)

const entry = "partnerId=52272&serviceId=2000001784&productId=1020&tid=QWERT&tokenEncoded=true"

// landing is the platform: it remembers what came to it, and answers what it is told to.
func landing(t *testing.T, answer http.HandlerFunc) (base string, got chan *http.Request) {
	t.Helper()
	got = make(chan *http.Request, 100)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got <- r
		answer(w, r)
	}))
	t.Cleanup(server.Close)
	return server.URL, got
}

func tellPhone(t *testing.T, s *sandboxtest.Sandbox, public string) {
	t.Helper()
	text := fmt.Sprintf(`{"public":%q,"campaigns":[{"name":"juegos","title":"Juegos","query":%q,"shortCode":"8888","keyword":"JUEGOS"}]}`, public, entry)
	if got := call(t.Context(), "POST", s.URL+"/_sandbox/mobile/settings", text); got.status != 200 {
		t.Fatalf("%d %s", got.status, got.body)
	}
}

// proxied asks the proxy as a browser does, but follows nothing.
func proxied(t *testing.T, s *sandboxtest.Sandbox, query url.Values, header ...string) *http.Response {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), "GET", s.URL+"/mobile/proxy?"+query.Encode(), http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Add(header[i], header[i+1])
	}
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { resp.Body.Close() })
	return resp
}

func TestThePhonesPage(t *testing.T) {
	at, calls := gatewayClient(t, 200)
	s := operator(t)
	page := func(path string) string {
		t.Helper()
		got := call(t.Context(), "GET", s.URL+path, "")
		if policy := got.header.Get("Content-Security-Policy"); got.status != 200 || !strings.Contains(policy, "default-src 'none'") || strings.Contains(got.body, "<script") {
			t.Errorf("%s: %d %s", path, got.status, policy)
		}
		return html.UnescapeString(got.body)
	}
	holds := func(text string, parts ...string) {
		t.Helper()
		for _, part := range parts {
			if !strings.Contains(text, part) {
				t.Errorf("%q is not in %s", part, text)
			}
		}
	}
	const self = "/mobile?msisdn=56912340000"
	holds(page("/mobile"), `href="/mobile?msisdn=56912340000"`, `href="/mobile?msisdn=56912341402"`, `href="/mobile?msisdn=56912341408"`)
	holds(page("/mobile?msisdn=%3Cb%3E"), "no es un número", `value="<b>"`)
	holds(page(self), "Ninguno todavía", "aún no dijo", `http-equiv="refresh" content="3"`)

	tellPhone(t, s, "http://127.0.0.1:8080")
	call(t.Context(), "GET", s.URL+sms("56912340000", "Su PIN es <4711>"), "")
	call(t.Context(), "GET", s.URL+sms("56912340000", "Bienvenido"), "")
	call(t.Context(), "GET", s.URL+sms("56911111111", "De otro"), "")
	shown := page("/mobile?msisdn=9+1234+0000")                           // as typed
	holds(shown, "Su PIN es <4711>", "<strong>2200</strong>", "05:26:10", // in Chile
		`href="http://127.0.0.1:8080/ads/juegos?`+entry+`"`,
		`href="/mobile/proxy?`+url.Values{"msisdn": {"56912340000"}, "to": {"/he/juegos?" + entry}}.Encode()+`"`,
		`value="SALIR JUEGOS"`, `value="SALIR"`)
	if strings.Contains(shown, "De otro") || strings.Index(shown, "Bienvenido") > strings.Index(shown, "Su PIN") {
		t.Error(shown)
	}
	if write := page(self + "&write=true"); strings.Contains(write, "http-equiv") || !strings.Contains(write, `name="text" value="SALIR"`) {
		t.Error(write)
	}

	form := func(text string, header ...string) answer {
		return call(t.Context(), "POST", s.URL+"/mobile/sms", url.Values{"msisdn": {"56912340000"}, "to": {"8888"}, "text": {text}}.Encode(),
			append(header, "Content-Type", "application/x-www-form-urlencoded")...)
	}
	if got := form("SALIR"); got.status != 409 {
		t.Errorf("before anybody wants it: %d %s", got.status, got.body)
	}
	call(t.Context(), "POST", s.URL+"/_sandbox/smsc/settings", fmt.Sprintf(`{"moUrl":"%s/?from=%%p&to=%%P&text=%%b"}`, at))
	if got := form("SALIR JUEGOS"); got.status != 200 || !strings.Contains(got.body, "Bienvenido") { // after the redirect
		t.Errorf("%d %s", got.status, got.body)
	}
	if got := next(t, calls); got.Get("from") != "56912340000" || got.Get("to") != "8888" || got.Get("text") != "SALIR JUEGOS" {
		t.Errorf("%v", got)
	}
	if got := form(""); got.status != 400 {
		t.Errorf("without text: %d", got.status)
	}
	if got := form("SALIR", "Sec-Fetch-Site", "cross-site"); got.status != 403 {
		t.Errorf("a foreign page: %d", got.status)
	}
}

// The operator's proxy has an address of its own, tells the number, and lets no browser tell another.
func TestTheOperatorsProxy(t *testing.T) {
	base, got := landing(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Location", "/ads/juegos?he=abc&"+r.URL.RawQuery)
		w.Header().Set("Set-Cookie", "visit=1; Path=/ads")
		w.Header().Set("Server", "landing")
		w.WriteHeader(http.StatusFound)
		fmt.Fprint(w, "onward")
	})
	s := operator(t)
	tellPhone(t, s, base)
	to := url.Values{"msisdn": {"56912340000"}, "to": {"/he/juegos?" + entry}}
	resp := proxied(t, s, to, "User-Agent", "Navegador/1", "Accept-Language", "es", "Cookie", "a=b", "X-MSISDN", "56999999999", "MSISDN", "56999999999",
		"X-Up-Calling-Line-Id", "56999999999", "X-Wap-Network-Client-Msisdn", "56999999999", "X-Forwarded-For", "203.0.113.7", "Forwarded", "for=203.0.113.7")
	if resp.StatusCode != 302 || resp.Header.Get("Location") != base+"/ads/juegos?he=abc&"+entry || resp.Header.Get("Set-Cookie") == "" || resp.Header.Get("Server") != "" {
		t.Errorf("%d %v", resp.StatusCode, resp.Header)
	}
	r := <-got
	if peer, _, _ := net.SplitHostPort(r.RemoteAddr); peer != "127.0.0.2" || r.URL.RequestURI() != "/he/juegos?"+entry || r.Method != "GET" {
		t.Errorf("%s %s from %s", r.Method, r.URL, r.RemoteAddr)
	}
	want := http.Header{
		"User-Agent": {"Navegador/1"}, "Accept-Language": {"es"}, "Cookie": {"a=b"}, "X-Msisdn": {"56912340000"}, "X-Forwarded-For": {"127.0.0.1"}, "Connection": {"close"},
	}
	if !reflect.DeepEqual(r.Header, want) {
		t.Errorf("%v", r.Header)
	}

	to.Set("also", "56911111111")
	to.Set("spoof", "1")
	proxied(t, s, to)
	r = <-got
	if peer, _, _ := net.SplitHostPort(r.RemoteAddr); peer != "127.0.0.1" || !reflect.DeepEqual(r.Header["X-Msisdn"], []string{"56912340000", "56911111111"}) {
		t.Errorf("%v from %s", r.Header, r.RemoteAddr)
	}
	proxied(t, s, url.Values{"to": {"/he/juegos"}})
	if r = <-got; len(r.Header["X-Msisdn"]) > 0 {
		t.Errorf("%v", r.Header)
	}
	call(t.Context(), "POST", s.URL+"/_sandbox/mobile/settings", `{"header":"MSISDN"}`)
	proxied(t, s, url.Values{"to": {"/he/juegos"}, "msisdn": {"56912340000"}})
	if r = <-got; r.Header.Get("MSISDN") != "56912340000" || r.Header.Get("X-MSISDN") != "" {
		t.Errorf("%v", r.Header)
	}

	var ledger struct{ Proxied []mobile.Proxied }
	shown := call(t.Context(), "GET", s.URL+"/_sandbox/ledger/mobile", "")
	if err := json.Unmarshal([]byte(shown.body), &ledger); err != nil || len(ledger.Proxied) != 4 {
		t.Fatalf("%v: %s", err, shown.body)
	}
	first := mobile.Proxied{
		To: base + "/he/juegos?" + entry, From: "127.0.0.2", Numbers: []string{"56912340000"}, Forwarded: "127.0.0.1", UserAgent: "Navegador/1",
		Status: 302, Location: base + "/ads/juegos?he=abc&" + entry, At: now,
	}
	if !reflect.DeepEqual(ledger.Proxied[0], first) {
		t.Errorf("%+v", ledger.Proxied[0])
	}
	if err := s.Reset(); err != nil || len(s.Mobile.Proxied()) != 0 || s.Mobile.Configure(nil).Public != base {
		t.Errorf("%v, %+v", err, s.Mobile.Proxied())
	}
}

// The proxy goes to the platform and nowhere else.
func TestTheProxyIsNotOpen(t *testing.T) {
	s := operator(t)
	if resp := proxied(t, s, url.Values{"to": {"/he/juegos"}}); resp.StatusCode != 409 {
		t.Errorf("before it knows the platform: %d", resp.StatusCode)
	}
	base, got := landing(t, func(w http.ResponseWriter, r *http.Request) {})
	tellPhone(t, s, base)
	for _, to := range []string{
		"", "he/juegos", "http://192.0.2.1/", base + "/he/juegos", "//192.0.2.1/he", "///192.0.2.1", "/\\192.0.2.1/he", "mailto:a@example.com",
		"@192.0.2.1/he", ":80/he", "/he/%zz", "/he\r\nX-A: b",
	} {
		resp := proxied(t, s, url.Values{"to": {to}, "msisdn": {"56912340000"}})
		select {
		case r := <-got:
			if r.Host != strings.TrimPrefix(base, "http://") {
				t.Errorf("%q goes to %s", to, r.Host)
			}
		default:
			if resp.StatusCode != 400 {
				t.Errorf("%q: %d", to, resp.StatusCode)
			}
		}
	}
	if resp := proxied(t, s, url.Values{"to": {"/he/juegos"}, "msisdn": {"5691234\r\nX-A: b"}}); resp.StatusCode != 400 {
		t.Errorf("a number of two lines: %d", resp.StatusCode)
	}
	for body, part := range map[string]string{
		`{"public":"ftp://127.0.0.1"}`: `"path":"public"`, `{"plain":"http://127.0.0.1:8080/x"}`: `"path":"plain"`, `{"public":"http://u@127.0.0.1"}`: `"path":"public"`,
		`{"no":1}`: "not what this control takes",
	} {
		if got := call(t.Context(), "POST", s.URL+"/_sandbox/mobile/settings", body); got.status != 400 || !strings.Contains(got.body, part) {
			t.Errorf("%s: %d %s", body, got.status, got.body)
		}
	}
}

// A platform that is away, or does not stop to answer, is told apart from one that refuses.
func TestTheProxysPlatformFails(t *testing.T) {
	s := operator(t)
	l, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	tellPhone(t, s, "http://"+l.Addr().String())
	if resp := proxied(t, s, url.Values{"to": {"/he/juegos"}}); resp.StatusCode != 502 {
		t.Errorf("nobody there: %d", resp.StatusCode)
	}
	base, _ := landing(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = w.Write(make([]byte, 2<<20))
	})
	tellPhone(t, s, base)
	if resp := proxied(t, s, url.Values{"to": {"/he/juegos"}}); resp.StatusCode != 502 {
		t.Errorf("too long: %d", resp.StatusCode)
	}
	if got := s.Mobile.Proxied(); len(got) != 2 || got[0].Status != 0 {
		t.Errorf("%+v", got)
	}
}
