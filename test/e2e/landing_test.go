package e2e

import (
	"fmt"
	"html"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// visitor is a browser on a landing page, at an address of its own: quotas are by address.
type visitor struct {
	p       *platform
	t       testing.TB
	address string
	browser *http.Client
}

// visitors have had their addresses.
var visitors atomic.Int64

func (p *platform) visitor(t testing.TB) *visitor {
	n := visitors.Add(1)
	return p.visitorAt(t, fmt.Sprintf("127.9.%d.%d", n/200, 1+n%200))
}

// visitorAt is one at an address of this machine.
func (p *platform) visitorAt(t testing.TB, address string) *visitor {
	t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	from := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(address)}, Timeout: 5 * time.Second}
	transport := &http.Transport{DialContext: from.DialContext, MaxIdleConnsPerHost: 64}
	t.Cleanup(transport.CloseIdleConnections)
	return &visitor{p: p, t: t, address: address, browser: &http.Client{
		Jar: jar, Transport: transport, Timeout: 30 * time.Second, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// moved is the same visitor, with what its browser holds, at another address.
func (v *visitor) moved(t testing.TB) *visitor {
	t.Helper()
	there := v.p.visitor(t)
	there.browser.Jar = v.browser.Jar
	return there
}

// page is what a visitor is shown, or where it is sent.
type page struct {
	status   int
	text     string
	location string
}

// ask asks for a page of the platform, and wants it guarded against frames.
func (v *visitor) ask(method, target string, form url.Values, headers ...string) page {
	v.t.Helper()
	p, err := v.try(method, target, form, headers...)
	if err != nil {
		v.t.Fatal(err)
	}
	return p
}

func (v *visitor) try(method, target string, form url.Values, headers ...string) (page, error) {
	req, err := http.NewRequest(method, "http://"+v.p.edge().at.Public+target, strings.NewReader(form.Encode()))
	if err != nil {
		return page{}, err
	}
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	req.Header.Set("User-Agent", "e2e")
	for i := 0; i < len(headers); i += 2 {
		req.Header.Add(headers[i], headers[i+1])
	}
	resp, err := v.browser.Do(req)
	if err != nil {
		return page{}, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return page{}, err
	}
	if policy := resp.Header.Get("Content-Security-Policy"); !strings.Contains(policy, "frame-ancestors 'none'") || resp.Header.Get("X-Frame-Options") != "DENY" {
		return page{}, fmt.Errorf("%s %s may be framed: %q", method, target, policy)
	}
	return page{resp.StatusCode, string(body), resp.Header.Get("Location")}, nil
}

func (v *visitor) get(target string, headers ...string) page {
	v.t.Helper()
	return v.ask(http.MethodGet, target, nil, headers...)
}

var sealedVisit = regexp.MustCompile(`name="visit" value="([^"]*)"`)

// form is the form of a page, with fields filled in.
func (v *visitor) form(p page, fields ...string) url.Values {
	v.t.Helper()
	found := sealedVisit.FindStringSubmatch(p.text)
	if found == nil {
		v.t.Fatalf("%d, to %q: no form in %.300s", p.status, p.location, p.text)
	}
	form := url.Values{"visit": {html.UnescapeString(found[1])}}
	for i := 0; i < len(fields); i += 2 {
		form.Set(fields[i], fields[i+1])
	}
	return form
}

// send sends the form of a page to a step of the partner's campaign.
func (v *visitor) send(h *hubPartner, p page, step string, fields ...string) page {
	v.t.Helper()
	return v.ask(http.MethodPost, "/ads/"+strings.ToLower(h.keyword)+"/"+step, v.form(p, fields...))
}

// follow goes where the platform sends.
func (v *visitor) follow(p page) page {
	v.t.Helper()
	if p.status != http.StatusSeeOther || !strings.HasPrefix(p.location, "/ads/") {
		v.t.Fatalf("%d, to %q: %.300s", p.status, p.location, p.text)
	}
	return v.get(p.location)
}

// query is that of a link to the partner's campaign.
func (h *hubPartner) query(more ...string) url.Values {
	q := url.Values{
		"partnerId": {strconv.FormatInt(h.id, 10)}, "serviceId": {strconv.FormatInt(h.service, 10)}, "productId": {strconv.FormatInt(h.subscription, 10)}, "tid": {"QWERT"},
	}
	for i := 0; i < len(more); i += 2 {
		q.Set(more[i], more[i+1])
	}
	return q
}

// link is what a visitor follows.
func (h *hubPartner) link(more ...string) string {
	return "/ads/" + strings.ToLower(h.keyword) + "?" + h.query(more...).Encode()
}

// atPIN types a number, and is asked for the PIN that the phone has then.
func (v *visitor) atPIN(h *hubPartner, msisdn string, more ...string) (p page, pin string) {
	v.t.Helper()
	had := len(v.p.sandbox.SMSC.Messages(msisdn))
	p = v.follow(v.send(h, v.get(h.link(more...)), "msisdn", "msisdn", strings.TrimPrefix(msisdn, "56"), "operator", "own"))
	eventually(v.t, within, "the phone has the PIN", func() bool { pin = v.p.pin(msisdn, had); return pin != "" })
	return p, pin
}

// landed is where a page of results sends the visitor on, on this host.
func (v *visitor) landed(p page) string {
	v.t.Helper()
	_, after, ok := strings.Cut(p.text, `href="/ads/`)
	for ok && !strings.Contains(after[:strings.IndexByte(after, '"')], "/return?") {
		_, after, ok = strings.Cut(after, `href="/ads/`)
	}
	if !ok {
		v.t.Fatalf("no way to the partner: %d %s", p.status, p.text)
	}
	return "/ads/" + after[:strings.IndexByte(after, '"')]
}

// arrives wants the visitor sent to the partner with a token that says whose line it is.
func (v *visitor) arrives(h *hubPartner, result page, msisdn string) {
	v.t.Helper()
	to, err := url.Parse(v.get(v.landed(result)).location)
	if err != nil || !strings.HasPrefix(to.String(), fmt.Sprintf("%s/partner/%d/return?", h.p.sandbox.URL, h.id)) || strings.Contains(to.String(), msisdn[2:]) {
		v.t.Fatalf("to %s, %v", to, err)
	}
	a := h.call(v.t, "token/verify", members{"token": to.Query().Get("token")})
	if a.status != http.StatusOK || !strings.Contains(a.body, msisdn) || !strings.Contains(a.body, "QWERT") {
		v.t.Errorf("the token says %d %s", a.status, a.body)
	}
}

// F1: a number, a PIN and an agreement; the operator's charge, the partner's notifications, and the way back.
func landingByPIN(t *testing.T, p *platform) {
	h, v, msisdn := p.hub.rest, p.visitor(t), p.hub.line()
	asked, pin := v.atPIN(h, msisdn, "tokenEncoded", "true")
	if filed := p.charged(msisdn); len(filed) > 0 {
		t.Errorf("charged before anybody agreed: %+v", filed)
	}
	result := v.follow(v.send(h, asked, "pin", "pin", pin))
	if result.status != http.StatusOK || !strings.Contains(result.text, "$1.490") {
		t.Fatalf("%d %s", result.status, result.text)
	}
	v.arrives(h, result, msisdn)
	p.wantCharged(t, msisdn, hubWeeklyPrice)
	told := p.awaitNotices(t, msisdn, 2)
	h.wantNotice(t, told[0], noticeSubscribed, msisdn, h.subscription, "WEB")
	h.wantMoney(t, told[1], msisdn, h.subscription, hubWeeklyPrice, 0)

	v.arrives(h, v.follow(v.send(h, asked, "pin", "pin", pin)), msisdn) // the form once more: the same page, nothing else
	again, pin := v.atPIN(h, msisdn, "tokenEncoded", "true")
	already := v.follow(v.send(h, again, "pin", "pin", pin))
	if !strings.Contains(already.text, `content="0;`) {
		t.Errorf("who has it is not sent on at once: %s", already.text)
	}
	v.arrives(h, already, msisdn)
	p.wantCharged(t, msisdn, hubWeeklyPrice)
	p.awaitNotices(t, msisdn, 2)
}

// operatorProxy is the operator's, at the one address whose headers count.
func (p *platform) operatorProxy(t testing.TB) *visitor { return p.visitorAt(t, "127.0.0.2") }

// bootstrapped is where the platform sends a visitor whose plain request came through a proxy.
func (v *visitor) bootstrapped(h *hubPartner, proxy *visitor, headers ...string) string {
	v.t.Helper()
	sent := proxy.get("/he/"+strings.ToLower(h.keyword)+"?"+h.query("tokenEncoded", "true").Encode(), append(headers, "X-Forwarded-For", v.address)...)
	if sent.status != http.StatusFound || !strings.HasPrefix(sent.location, "/ads/") || strings.Contains(sent.location, "569") {
		v.t.Fatalf("%d to %s", sent.status, sent.location)
	}
	return sent.location
}

// F2: the operator's header, and two confirmations.
func landingByHeader(t *testing.T, p *platform) {
	h, v, msisdn := p.hub.rest, p.visitor(t), p.hub.line()
	to := v.bootstrapped(h, p.operatorProxy(t), "X-MSISDN", msisdn)
	offer := v.follow(v.get(to))
	if !strings.Contains(offer.text, msisdn[len(msisdn)-4:]) || strings.Contains(offer.text, msisdn[2:]) {
		t.Errorf("the number is not shown, or whole: %s", offer.text)
	}
	confirmation := v.follow(v.send(h, offer, "offer"))
	if filed := p.charged(msisdn); len(filed) > 0 {
		t.Errorf("charged after one confirmation: %+v", filed)
	}
	v.arrives(h, v.follow(v.send(h, confirmation, "confirm")), msisdn)
	p.wantCharged(t, msisdn, hubWeeklyPrice)
	p.awaitNotices(t, msisdn, 2)
	if once := v.get(to); once.status != http.StatusOK || !strings.Contains(once.text, `name="msisdn"`) {
		t.Errorf("a handle was good twice: %d to %s", once.status, once.location)
	}
}

// A header from anywhere else, or one that contradicts itself, subscribes nobody, and is shown to nobody
// (invariant 14).
func landingSpoofed(t *testing.T, p *platform) {
	h, v, msisdn, other := p.hub.rest, p.visitor(t), p.hub.line(), p.hub.line()
	proxy, charges := p.operatorProxy(t), len(p.sandbox.CarrierBilling.Charges())
	for name, to := range map[string]string{
		"from elsewhere": v.bootstrapped(h, v, "X-MSISDN", msisdn),
		"conflicting":    v.bootstrapped(h, proxy, "X-MSISDN", msisdn, "X-MSISDN", other),
		"joined":         v.bootstrapped(h, proxy, "X-MSISDN", msisdn+","+other),
		"another header": v.bootstrapped(h, proxy, "X-UP-CALLING-LINE-ID", msisdn),
		"no number":      v.bootstrapped(h, proxy, "X-MSISDN", "<script>"),
		"none":           v.bootstrapped(h, proxy),
	} {
		if strings.Contains(to, "he=") {
			t.Errorf("%s: a handle", name)
		}
		if offer := v.get(to, "X-MSISDN", msisdn); offer.status != http.StatusOK || !strings.Contains(offer.text, `name="msisdn"`) || strings.Contains(offer.text, msisdn[len(msisdn)-4:]) {
			t.Errorf("%s: %d to %q", name, offer.status, offer.location)
		}
	}
	good := v.bootstrapped(h, proxy, "X-MSISDN", msisdn)
	for name, thief := range map[string]page{
		"another address": p.visitor(t).get(good),
		"again":           v.get(good), // it is used up whoever came with it
	} {
		if thief.status != http.StatusOK || strings.Contains(thief.text, msisdn[len(msisdn)-4:]) {
			t.Errorf("%s: %d to %q", name, thief.status, thief.location)
		}
	}
	for _, c := range p.sandbox.CarrierBilling.Charges()[charges:] {
		if c.MSISDN == msisdn || c.MSISDN == other {
			t.Errorf("charged: %+v", c)
		}
	}
	if len(p.notices(t, msisdn))+len(p.notices(t, other)) > 0 {
		t.Error("a partner was told")
	}
}
