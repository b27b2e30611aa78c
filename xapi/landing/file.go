package landing

import (
	"net/http"
	"strings"

	"puente/contracts/xapi/landing"
	"puente/shared/policy"
	"puente/shared/problem"
	"puente/xapi/landing/web"
)

// GetStyle is the operation of that name.
func (c *channel) GetStyle(x *policy.Exchange, in landing.Style) error {
	colours, ok := web.ParseColours(in.Colours)
	if !ok {
		colours = nil
	}
	c.lasting(x)
	x.Respond(http.StatusOK, "text/css; charset=utf-8", web.Style(colours))
	return nil
}

// GetFile is the operation of that name.
func (c *channel) GetFile(x *policy.Exchange, in landing.File) error {
	plain, gzipped, mediaType, ok := web.File(in.Name)
	if !ok {
		return problem.NotFound
	}
	c.lasting(x)
	x.SetHeader("Vary", "Accept-Encoding")
	if acceptsGzip(x.Request.Header.Get("Accept-Encoding")) {
		x.SetHeader("Content-Encoding", "gzip")
		plain = gzipped
	}
	x.Respond(http.StatusOK, mediaType, plain)
	return nil
}

// lasting lets browsers keep a file: its version stands in its URL.
func (c *channel) lasting(x *policy.Exchange) {
	c.guard(x)
	x.SetHeader("Cache-Control", "public, max-age=31536000, immutable")
}

// acceptsGzip reports whether a browser takes gzip (RFC 9110 §12.5.3); one that names it with q=0 does not.
func acceptsGzip(accept string) bool {
	for coding := range strings.SplitSeq(accept, ",") {
		name, weight, _ := strings.Cut(strings.TrimSpace(coding), ";")
		if strings.EqualFold(strings.TrimSpace(name), "gzip") {
			q := strings.TrimPrefix(strings.ReplaceAll(weight, " ", ""), "q=")
			return strings.Trim(q, "0.") != "" || q == ""
		}
	}
	return false
}
