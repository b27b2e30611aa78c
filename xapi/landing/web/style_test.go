package web

import (
	"bytes"
	"compress/gzip"
	"io"
	"maps"
	"math/rand/v2"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"puente/shared/contrast"
)

var declared = regexp.MustCompile(`(--[a-z-]+):(#[0-9a-f]{6});`)

func TestStyleURL(t *testing.T) {
	const defaults = "1f4fd1-ffffff-ffffff-1a1d26"
	for _, test := range []struct {
		colours map[string]string
		c       string
	}{
		{nil, defaults},
		{map[string]string{"accent": "#FF0000", "text": "#00000a"}, "ff0000-ffffff-ffffff-00000a"},
		{map[string]string{"accent": "red", "onAccent": "#fff", "background": "#12345g", "other": "#000000"}, defaults},
	} {
		u, err := url.Parse(StyleURL("juegos", test.colours))
		if err != nil {
			t.Fatal(err)
		}
		c := u.Query().Get("c")
		if u.Path != "/ads/juegos/style.css" || c != test.c || !regexp.MustCompile(`^[0-9a-f]{16}$`).MatchString(u.Query().Get("v")) {
			t.Errorf("%s", u)
		}
		colours, ok := ParseColours(c)
		if !ok || !maps.Equal(colours, filled(test.colours)) {
			t.Errorf("%s is %v, %t", c, colours, ok)
		}
		if !bytes.Equal(Style(colours), Style(test.colours)) {
			t.Errorf("%s: another style", c)
		}
	}
	for _, c := range []string{"-", "1f4fd1", defaults + "-000000", strings.ToUpper(defaults), "1f4fd1-ffffff-ffffff-;}*{x:"} {
		if _, ok := ParseColours(c); ok {
			t.Errorf("%q is taken", c)
		}
	}
}

// Whatever colours a campaign has, what is derived from them can be read, as long as theirs can.
func TestContrast(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	some := func() string {
		return rgb{float64(random.IntN(256)), float64(random.IntN(256)), float64(random.IntN(256))}.String()
	}
	for tried := 0; tried < 200; {
		colours := map[string]string{"accent": some(), "onAccent": some(), "background": some(), "text": some()}
		if ratio(parse(colours["text"]), parse(colours["background"])) < contrast.Text {
			continue
		}
		if tried++; tried == 1 {
			colours = nil // the defaults, too
		}
		all := make(map[string]rgb)
		for _, m := range declared.FindAllStringSubmatch(string(Style(colours)), -1) {
			all[m[1]] = parse(m[2])
		}
		for _, ground := range []string{"--background", "--canvas", "--tint"} {
			for _, text := range []string{"--text", "--muted", "--strong", "--bad", "--good"} {
				if c := ratio(all[text], all[ground]); c < contrast.Text {
					t.Errorf("%v: %s on %s: %.2f", colours, text, ground, c)
				}
			}
			if c := ratio(all["--edge"], all[ground]); c < contrast.Control {
				t.Errorf("%v: edge on %s: %.2f", colours, ground, c)
			}
		}
	}
}

// The first page with all that it loads is small.
func TestSize(t *testing.T) {
	const most = 15 << 10
	html := render(t, OfferPage(Offer{Page: Page{Language: Spanish, Other: "/x", Terms: weekly(), Campaign: "juegos"}, Visit: strings.Repeat("v", 600)}))
	for _, loaded := range []string{"<script", "<img", "@import", "url("} {
		if strings.Contains(html, loaded) || bytes.Contains(Style(nil), []byte(loaded)) {
			t.Errorf("it loads more: %s", loaded)
		}
	}
	if n := len(html) + len(Style(nil)); n > most {
		t.Errorf("%d bytes, uncompressed", n)
	}
	if script, _, _, _ := File("landing.js"); len(script) > 1700 {
		t.Errorf("landing.js has %d bytes", len(script))
	}
}

func TestFile(t *testing.T) {
	for _, name := range []string{"htmx.js", "landing.js"} {
		body, gzipped, mediaType, ok := File(name)
		if !ok || mediaType != "text/javascript; charset=utf-8" || !strings.HasPrefix(FileURL(name), "/landing/"+name+"?v=") {
			t.Errorf("%s: %s, %t, %s", name, mediaType, ok, FileURL(name))
		}
		r, err := gzip.NewReader(bytes.NewReader(gzipped))
		if err != nil {
			t.Fatal(err)
		}
		if plain, err := io.ReadAll(r); err != nil || !bytes.Equal(plain, body) {
			t.Errorf("%s is another when compressed: %v", name, err)
		}
	}
	for _, name := range []string{"", "style.css", "htmx.LICENSE", "../files.go"} {
		if _, _, _, ok := File(name); ok {
			t.Errorf("%q is served", name)
		}
	}
}
