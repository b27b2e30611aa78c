package redirect

import (
	"strings"
	"testing"

	"puente/papi/subscription/catalogue"
)

// registered is a partner with the list of the tables.
func registered() *catalogue.Partner {
	return &catalogue.Partner{PartnerSpec: catalogue.PartnerSpec{
		Environment: catalogue.Production,
		Redirect: catalogue.Redirect{
			SuccessURL: "https://juegos.example/gracias?from=hub", ErrorURL: "https://juegos.example/error/",
			URLs: []string{"https://juegos.example/vuelta", "https://tienda.example:8443/", "https://xn--ao-zja.example", "https://192.0.2.7/vuelta", "http://juegos.example/vuelta"},
		},
	}}
}

func TestLocationsOfTheList(t *testing.T) {
	for brought, want := range map[string]string{
		"https://juegos.example/gracias":                      "https://juegos.example/gracias",
		"https://juegos.example/gracias?from=else&x=%0D%0A":   "https://juegos.example/gracias?from=else&x=%0D%0A",
		"https://juegos.example/gracias/":                     "https://juegos.example/gracias/",
		"https://juegos.example/error/":                       "https://juegos.example/error/",
		"https://juegos.example/error/1":                      "https://juegos.example/error/1",
		"https://juegos.example/vuelta":                       "https://juegos.example/vuelta",
		"https://juegos.example/vuelta/a/b.html":              "https://juegos.example/vuelta/a/b.html",
		"HTTPS://JUEGOS.Example/vuelta":                       "https://juegos.example/vuelta",
		"https://juegos.example:443/vuelta":                   "https://juegos.example/vuelta",
		"https://juegos.example/vuelta/...":                   "https://juegos.example/vuelta/...",
		"https://juegos.example/vuelta/%C3%B1":                "https://juegos.example/vuelta/%C3%B1",
		"https://juegos.example/v%75elta?next=//otro.example": "https://juegos.example/v%75elta?next=//otro.example",
		"https://tienda.example:8443":                         "https://tienda.example:8443/",
		"https://tienda.example:8443/x?a[]=1&a[]=2":           "https://tienda.example:8443/x?a[]=1&a[]=2",
		"https://xn--ao-zja.example/":                         "https://xn--ao-zja.example/",
	} {
		if got, err := Location(registered(), brought); got != want || err != nil {
			t.Errorf("%s: %q, %v", brought, got, err)
		}
		if again, err := Location(registered(), want); again != want || err != nil {
			t.Errorf("%s again: %q, %v", want, again, err)
		}
	}
}

func TestInvariant15LocationsThatLeaveTheList(t *testing.T) {
	for _, brought := range []string{
		"", " ", "/vuelta", "vuelta", "?x", "#",
		// Another scheme.
		"http://juegos.example/vuelta", "javascript:alert(1)", "javascript://juegos.example/%0aalert(1)", "data:text/html,x", "ftp://juegos.example/vuelta",
		"//juegos.example/vuelta", "https:juegos.example/vuelta", "https:/juegos.example/vuelta", "https:///juegos.example/vuelta", "https://", "https:", "ht\ttps://juegos.example/vuelta",
		// Another host.
		"https://otro.example/vuelta", "https://juegos.example.otro.example/vuelta", "https://otrojuegos.example/vuelta", "https://www.juegos.example/vuelta",
		"https://example/vuelta", "https://juegos.example./vuelta", "https://.juegos.example/vuelta", "https://juegos..example/vuelta",
		"https://juegos.example@otro.example/vuelta", "https://user@juegos.example/vuelta", "https://@juegos.example/vuelta", "https://a:b@juegos.example/vuelta",
		"https://otro.example?@juegos.example/vuelta", "https://otro.example#@juegos.example/vuelta", "https://otro.example/https://juegos.example/vuelta",
		`https://otro.example\@juegos.example/vuelta`, `https://juegos.example\.otro.example/vuelta`, `https:\\juegos.example\vuelta`, `/\otro.example`, `https://juegos.example\vuelta`,
		"https://juegos%2eexample/vuelta", "https://juegos.example%2f.otro.example/vuelta", "https://juegos.example%00.otro.example/vuelta", "https://%6auegos.example/vuelta",
		"https://juegos.example;otro.example/vuelta", "https://juegos.example,otro.example/vuelta", "https://juegos_.example/vuelta",
		// Another script: also one that looks the same (Cyrillic), one of full width, and dots of other kinds.
		"https://año.example/", "https://juеgos.example/vuelta", "https://ｊuegos.example/vuelta", "https://juegos。example/vuelta", "https://juegos．example/vuelta",
		"https://xn--jugos-b6d.example/vuelta", "https://juegos.example\u200b/vuelta",
		// Addresses: of a partner in PROD not even the one of the list.
		"https://192.0.2.7/vuelta", "https://3221225991/vuelta", "https://0xc0000207/vuelta", "https://0300.0.2.7/vuelta", "https://192.0.519/vuelta", "https://[::ffff:192.0.2.7]/vuelta", "https://[::1]/vuelta",
		// Another port.
		"https://juegos.example:8443/vuelta", "https://juegos.example:80/vuelta", "https://juegos.example:/vuelta", "https://juegos.example:0443/vuelta",
		"https://juegos.example:65979/vuelta", "https://juegos.example:443:443/vuelta", "https://juegos.example:+443/vuelta", "https://tienda.example/",
		// Another path.
		"https://juegos.example", "https://juegos.example/", "https://juegos.example/vueltas", "https://juegos.example/Vuelta", "https://juegos.example/error",
		"https://juegos.example/vuelta/../otro", "https://juegos.example/vuelta/..", "https://juegos.example/otro/../vuelta", "https://juegos.example/vuelta/./x", "https://juegos.example/vuelta/%2e%2e/otro",
		"https://juegos.example/vuelta/.%2E/otro", "https://juegos.example/vuelta/..;/otro", "https://juegos.example/vuelta/..%3bx/otro", "https://juegos.example/vuelta/..%2fotro", "https://juegos.example/vuelta%2fx",
		"https://juegos.example/vuelta/%5c..%5cotro", "https://juegos.example/vuelta/%252e%252e/otro", "https://juegos.example/vuelta//otro.example", "https://juegos.example//vuelta",
		"https://juegos.example/vuelta/%0d%0aLocation:%20x", "https://juegos.example/vuelta/%00", "https://juegos.example/vuelta/%zz", "https://juegos.example/vuelta%", "https://juegos.example/vuelta/%c0%ae%c0%ae/otro",
		// What a header or a page would break at.
		"https://juegos.example/vuelta\r\nSet-Cookie: a=b", "https://juegos.example/vuelta\x00", "\thttps://juegos.example/vuelta", "https://juegos.example/vuelta ", "https://juegos.example/vuelta\x7f",
		"https://juegos.example/vuelta?a=\"><script>", "https://juegos.example/vuelta?a='`", "https://juegos.example/vuelta?a=ñ", "https://juegos.example/vuelta\xff",
		"https://juegos.example/vuelta#x", "https://juegos.example/vuelta#", "https://juegos.example/vuelta?a=%zz", "https://juegos.example/vuelta?a=1;b=2",
		"https://juegos.example/vuelta?" + strings.Repeat("a", 2048),
	} {
		if got, err := Location(registered(), brought); err == nil || got != "" {
			t.Errorf("%q leads to %s", brought, got)
		}
	}
}

func TestLocationsOfATrial(t *testing.T) {
	staging, plain, live := registered(), registered(), registered()
	staging.Environment, plain.Environment, live.Environment = catalogue.Staging, catalogue.Staging, catalogue.Production
	for _, p := range []*catalogue.Partner{plain, live} {
		p.Redirect.AllowHTTP = true
		p.Redirect.URLs = append(p.Redirect.URLs, "http://127.0.0.1:9100/partner", "https://[2001:db8::1]/vuelta", "http://0x7f.1/partner")
	}
	for _, test := range []struct {
		p       *catalogue.Partner
		brought string
		want    string
	}{
		{live, "http://juegos.example/vuelta", "http://juegos.example/vuelta"},
		{live, "http://127.0.0.1:9100/partner/ok", ""},
		{live, "https://[2001:db8::1]/vuelta", ""},
		{staging, "https://192.0.2.7/vuelta/a", "https://192.0.2.7/vuelta/a"},
		{staging, "https://192.0.2.8/vuelta", ""},
		{staging, "https://3221225991/vuelta", ""},
		{staging, "https://192.0.02.7/vuelta", ""},
		{staging, "https://192.0.2.7./vuelta", ""},
		{staging, "http://juegos.example/vuelta", ""},
		{plain, "http://juegos.example/vuelta", "http://juegos.example/vuelta"},
		{plain, "http://juegos.example:80/vuelta", "http://juegos.example/vuelta"},
		{plain, "http://juegos.example:443/vuelta", ""},
		{plain, "http://juegos.example/gracias", ""}, // there with https only
		{plain, "http://127.0.0.1:9100/partner/ok", "http://127.0.0.1:9100/partner/ok"},
		{plain, "http://127.0.0.1/partner/ok", ""},
		{plain, "http://127.1:9100/partner", ""},
		{plain, "http://0x7f.1/partner", ""}, // not even as it is on the list
		{plain, "http://2130706433:9100/partner", ""},
		{plain, "http://0177.0.0.1:9100/partner", ""},
		{plain, "http://[::ffff:127.0.0.1]:9100/partner", ""},
		{plain, "https://[2001:db8::1]/vuelta", "https://[2001:db8::1]/vuelta"},
		{plain, "https://[2001:DB8::1]:443/vuelta", "https://[2001:db8::1]/vuelta"},
		{plain, "https://[2001:db8:0::1]/vuelta", ""},
		{plain, "https://[2001:db8::1%25eth0]/vuelta", ""},
	} {
		if got, err := Location(test.p, test.brought); got != test.want || (err == nil) != (test.want != "") {
			t.Errorf("%s: %q, %v", test.brought, got, err)
		}
	}
}
