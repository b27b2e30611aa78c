package sandbox

import (
	"mime"
	"net/http"
	"net/url"
	"strings"
)

// hidden stands for a credential in what the recorder shows.
const hidden = "******"

// hideHeaders copies h without its credentials. The scheme of an Authorization stays.
func hideHeaders(h http.Header) http.Header {
	shown := h.Clone()
	for name, values := range shown {
		if !secretive(name) {
			continue
		}
		for i, value := range values {
			scheme, _, found := strings.Cut(value, " ")
			if found && strings.HasSuffix(name, "Authorization") {
				values[i] = scheme + " " + hidden
			} else {
				values[i] = hidden
			}
		}
	}
	return shown
}

// secretive reports whether the value of a header or form field of that name is a credential.
func secretive(name string) bool {
	name = strings.NewReplacer("-", "", "_", "").Replace(strings.ToLower(name))
	if name == "tokentypehint" || name == "tokenformat" {
		return false
	}
	for _, part := range []string{"authorization", "secret", "token", "password", "cookie", "apikey", "assertion"} {
		if strings.Contains(name, part) {
			return true
		}
	}
	return false
}

// hideBody is body as the recorder shows it. Only forms carry credentials of ours.
func hideBody(contentType string, body []byte) string {
	if media, _, err := mime.ParseMediaType(contentType); err == nil && media == "application/x-www-form-urlencoded" {
		return hideForm(string(body))
	}
	return string(body)
}

// hideForm is a query or form, its order kept, without its credentials.
func hideForm(form string) string {
	if form == "" {
		return ""
	}
	fields := strings.Split(form, "&")
	for i, field := range fields {
		name, _, found := strings.Cut(field, "=")
		plain, err := url.QueryUnescape(name)
		if found && (err != nil || secretive(plain)) {
			fields[i] = name + "=" + hidden
		}
	}
	return strings.Join(fields, "&")
}
