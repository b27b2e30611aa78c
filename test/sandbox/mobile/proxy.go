package mobile

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"puente/test/sandbox/page"
)

const (
	deadline  = 10 * time.Second
	maxAnswer = 1 << 20 // bytes
	maxNumber = 256     // bytes of what stands in the enrichment header
)

// Where requests come from: that the operator's proxy has an address of its own on one machine is what
// 127.0.0.0/8 is good for (RFC 1122 §3.2.1.3).
const (
	proxyAddress  = "127.0.0.2"
	spoofsAddress = "127.0.0.1"
)

// The headers that pass, of the browser and back to it. Whatever else a browser says is dropped: who lets
// enrichment headers of its own through lets it be whoever it wants.
var (
	fromBrowser = []string{"User-Agent", "Accept", "Accept-Language", "Cookie"}
	toBrowser   = []string{
		"Content-Type", "Content-Language", "Content-Security-Policy", "X-Content-Type-Options", "Referrer-Policy",
		"Cache-Control", "Set-Cookie", "Retry-After", "X-Correlation-Id",
	}
)

// network makes requests from an address of this machine.
type network struct{ clients map[string]*http.Client }

func newNetwork() *network {
	n := &network{clients: map[string]*http.Client{}}
	for _, from := range []string{proxyAddress, spoofsAddress} {
		dialer := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
		n.clients[from] = &http.Client{
			Transport: &http.Transport{
				DialContext: func(ctx context.Context, _, addr string) (net.Conn, error) {
					return dialer.DialContext(ctx, "tcp4", addr)
				},
				DisableKeepAlives: true, DisableCompression: true, MaxResponseHeaderBytes: 64 << 10,
			},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		}
	}
	return n
}

// proxy plays the operator's: it passes a request on with the number of the phone.
func (s *Service) proxy(w http.ResponseWriter, r *http.Request) {
	query, settings := r.URL.Query(), s.Configure(nil)
	trouble := func(status int, text string) {
		page.Trouble.Write(w, page.Head{Status: status, Title: "Red móvil"}, text)
	}
	if settings.Public == "" {
		trouble(http.StatusConflict, "La plataforma aún no está en marcha.")
		return
	}
	target, err := settings.target(query.Get("to"))
	numbers := []string{}
	for _, name := range []string{"msisdn", "also"} {
		if value := query.Get(name); value != "" {
			numbers = append(numbers, value)
		}
	}
	if err != nil || !printable(numbers) {
		trouble(http.StatusBadRequest, "La red móvil sólo lleva a páginas de la plataforma.")
		return
	}
	from := proxyAddress
	if query.Get("spoof") != "" {
		from = spoofsAddress
	}
	browser, _, _ := net.SplitHostPort(r.RemoteAddr)
	sent := Proxied{To: target.String(), From: from, Numbers: numbers, Forwarded: browser, UserAgent: r.UserAgent(), At: s.now().UTC()}
	ctx, cancel := context.WithTimeout(r.Context(), deadline)
	defer cancel()
	resp, body, err := s.network.get(ctx, sent, settings.Header, r.Header)
	if err != nil {
		s.note(sent)
		trouble(http.StatusBadGateway, "La plataforma no responde: "+err.Error())
		return
	}
	sent.Status = resp.StatusCode
	for _, name := range toBrowser {
		for _, value := range resp.Header.Values(name) {
			w.Header().Add(name, value)
		}
	}
	if to, err := resp.Location(); err == nil { // against what was asked for, as RFC 9110 §10.2.2 wants
		sent.Location = to.String()
		w.Header().Set("Location", sent.Location)
	}
	s.note(sent)
	w.WriteHeader(resp.StatusCode)
	_, _ = w.Write(body)
}

// get makes the request, and reads the answer to its end.
func (n *network) get(ctx context.Context, sent Proxied, header string, browser http.Header) (*http.Response, []byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, sent.To, http.NoBody)
	if err != nil {
		return nil, nil, err
	}
	req.Header.Set("User-Agent", "") // and not net/http's
	for _, name := range fromBrowser {
		if values := browser.Values(name); len(values) > 0 {
			req.Header[name] = values
		}
	}
	for _, number := range sent.Numbers {
		req.Header.Add(header, number)
	}
	req.Header.Set("X-Forwarded-For", sent.Forwarded)
	resp, err := n.clients[sent.From].Do(req)
	if err != nil {
		return nil, nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err == nil && len(body) > maxAnswer {
		err = fmt.Errorf("the answer is longer than %d bytes", maxAnswer)
	}
	return resp, body, err
}

// target is a path, with its query, at the platform; of anywhere else there is none.
func (s Settings) target(to string) (*url.URL, error) {
	base := s.Plain
	if base == "" {
		base = s.Public
	}
	at, err := url.Parse(base)
	if err != nil {
		return nil, err
	}
	u, err := url.Parse(to)
	switch {
	case err != nil:
		return nil, err
	case u.Scheme != "" || u.Host != "" || u.User != nil || u.Opaque != "" || !strings.HasPrefix(u.Path, "/") || strings.ContainsRune(to, '\\'):
		return nil, errors.New("not a path of the platform's")
	}
	u.Scheme, u.Host, u.Fragment, u.RawFragment = at.Scheme, at.Host, "", ""
	return u, nil
}

// printable reports whether the values can stand in a header.
func printable(values []string) bool {
	for _, v := range values {
		if len(v) > maxNumber || strings.ContainsFunc(v, func(r rune) bool { return r < ' ' || r > '~' }) {
			return false
		}
	}
	return true
}
