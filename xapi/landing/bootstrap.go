package landing

import (
	"net/http"
	"net/netip"
	"net/url"
	"strings"

	"puente/contracts/papi/subscription"
	"puente/contracts/xapi/landing"
	"puente/shared/policy"
	"puente/xapi/landing/web"
)

// Bootstrap is the operation of that name (specification §7.3): the only one that looks at the headers of a
// request. Whether they count, the operator's system API decides by where the request came from.
func (c *channel) Bootstrap(x *policy.Exchange, in landing.Entry) error {
	query := begun(in, web.Language(in.Language)).query() // what else a link brings is none of ours to repeat
	if told := enrichment(x.Request); len(told.Headers) > 0 && x.Request.Method != http.MethodHead {
		minted, err := c.hub.MintHandle(x.Context(), subscription.HandleRequest{Campaign: in.Campaign, Enrichment: told, Address: x.Address, UserAgent: userAgent(x)})
		if err == nil {
			query.Set("he", minted.Handle)
		} // else nobody told the number, and the page asks for it
	}
	c.guard(x)
	to := url.URL{Path: "/ads/" + in.Campaign, RawQuery: query.Encode()}
	x.SetHeader("Location", c.origin+to.String())
	x.Respond(http.StatusFound, "", nil)
	return nil
}

// Bounds of what is passed on of a request's headers.
const (
	mostHeaders   = 60
	longestName   = 128
	longestHeader = 256 // what is longer is passed on cut: no number, and still another value than the right one
)

// enrichment is what was received of a request, and from where. Of a request that came by TLS it is nothing, for
// there no proxy can have put, nor taken away, a header. Nor is it of one with more headers than are passed on:
// of two numbers that contradict each other both must arrive, or none.
func enrichment(r *http.Request) subscription.Enrichment {
	e := subscription.Enrichment{Peer: r.RemoteAddr}
	if peer, err := netip.ParseAddrPort(r.RemoteAddr); err == nil {
		e.Peer = peer.Addr().Unmap().String()
	}
	if forwarded := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ","); forwarded[0] != "" {
		last := printable(strings.TrimSpace(forwarded[len(forwarded)-1]))
		e.Forwarded = last[:min(len(last), 64)]
	}
	if r.TLS != nil || strings.Contains(strings.ToLower(strings.Join(r.Header.Values("X-Forwarded-Proto"), ",")), "https") {
		return e
	}
	for name, values := range r.Header {
		if usual(name) {
			continue
		}
		if len(name) > longestName || len(e.Headers)+len(values) > mostHeaders {
			e.Headers = nil
			return e
		}
		for _, value := range values {
			e.Headers = append(e.Headers, subscription.Header{Name: name, Value: printable(value[:min(len(value), longestHeader)])})
		}
	}
	return e
}

// usual reports whether a header is one of those that every browser and proxy sends, in which no operator puts
// a number: what is secret or of no use does not travel on.
func usual(name string) bool {
	switch name {
	case "Authorization", "Cache-Control", "Connection", "Cookie", "Dnt", "Forwarded", "Host", "Keep-Alive", "Origin", "Pragma", "Priority", "Range",
		"Referer", "Te", "Traceparent", "Tracestate", "Transfer-Encoding", "Upgrade", "User-Agent", "Via", "X-Correlation-Id":
		return true
	}
	for _, prefix := range []string{"Accept", "Content-", "If-", "Proxy-", "Sec-", "Upgrade-", "X-Forwarded-"} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}
