// Package page writes the sandbox's pages for people: plain HTML in one style, of use at 360 pixels and
// without a script. The policy (Content-Security-Policy) lets nothing in but that style.
package page

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"html/template"
	"net/http"
	"strings"
)

//go:embed style.css
var style string

const layout = `<!doctype html>
<html lang="es">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
{{with .Refresh}}<meta http-equiv="refresh" content="{{.}}">
{{end}}<title>{{.Title}}</title>
<style>{{style}}</style>
</head>
<body>
<main>
<h1>{{.Title}}</h1>
{{template "body" .Data}}</main>
</body>
</html>
`

var (
	frame  = template.Must(template.New("layout").Funcs(template.FuncMap{"style": func() template.CSS { return template.CSS(style) }}).Parse(layout))
	policy = contentSecurityPolicy(style)
)

// contentSecurityPolicy names the style by its hash, so that no other is applied.
func contentSecurityPolicy(style string) string {
	sum := sha256.Sum256([]byte(style))
	return strings.Join([]string{
		"default-src 'none'", "style-src 'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'",
		"form-action 'self'", "base-uri 'none'", "frame-ancestors 'none'",
	}, "; ")
}

// Page is a page whose body is filled in.
type Page struct{ whole *template.Template }

// New parses the body of a page, a template of html/template.
func New(body string) *Page {
	return &Page{template.Must(template.Must(frame.Clone()).New("body").Parse(body))}
}

// Head is what a page says beside its body.
type Head struct {
	Status  int
	Title   string
	Refresh int // seconds after which it loads itself again; 0: never
}

// Write answers with the page. Other origins are not told its address, which may hold a number or a token.
func (p *Page) Write(w http.ResponseWriter, head Head, data any) {
	var text bytes.Buffer
	err := p.whole.ExecuteTemplate(&text, "layout", struct {
		Head
		Data any
	}{head, data})
	if err != nil {
		http.Error(w, "the page cannot be made: "+err.Error(), http.StatusInternalServerError)
		return
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Content-Security-Policy", policy)
	h.Set("Referrer-Policy", "same-origin")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(head.Status)
	_, _ = w.Write(text.Bytes())
}

// Trouble is a page that says what is wrong.
var Trouble = New(`<section><p class="wrong">{{.}}</p></section>
`)
