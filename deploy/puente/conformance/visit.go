package conformance

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"

	"puente/papi/subscription/catalogue"
	"puente/test/sandbox/partner"
	"puente/test/sandbox/smsc"
)

// visitor is the user of a line, with a browser (specification §10 F1).
type visitor struct {
	*platform
	msisdn  string
	browser *http.Client
}

func (p *platform) visitor(msisdn string) (*visitor, error) {
	jar, err := cookiejar.New(nil)
	if err != nil {
		return nil, err
	}
	return &visitor{p, msisdn, &http.Client{
		Jar: jar, Transport: p.http.Transport, Timeout: callWithin,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

// page is what a visitor is shown, or where it is sent.
type page struct {
	asked    string // method and path
	status   int
	location string
	text     string
	incident string // the correlation ID
}

// ask asks for a page of the platform; form is nil, or what is sent.
func (v *visitor) ask(ctx context.Context, target string, form url.Values) (page, error) {
	method, body := http.MethodGet, ""
	if form != nil {
		method, body = http.MethodPost, form.Encode()
	}
	if strings.HasPrefix(target, "/") {
		target = v.notes.Public + target
	}
	req, err := http.NewRequestWithContext(ctx, method, target, strings.NewReader(body))
	if err != nil {
		return page{}, err
	}
	if form != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	resp, err := v.browser.Do(req)
	if err != nil {
		return page{}, err
	}
	text, err := bodyOf(resp)
	return page{method + " " + req.URL.Path, resp.StatusCode, resp.Header.Get("Location"), string(text), resp.Header.Get("X-Correlation-Id")}, err
}

var (
	sealed   = regexp.MustCompile(`name="visit" value="([^"]*)"`)
	heading  = regexp.MustCompile(`<h1[^>]*>([^<]*)</h1>`)
	wayBack  = regexp.MustCompile(`href="(/ads/[^"]*/return\?[^"]*)"`)
	firstPIN = regexp.MustCompile(`^[0-9]{4,8}\b`)
)

// heading is what a page says first.
func (p page) heading() string {
	if h := heading.FindStringSubmatch(p.text); h != nil {
		return html.UnescapeString(h[1])
	}
	return ""
}

// send fills in the form of a page, and goes where it leads to.
func (v *visitor) send(ctx context.Context, shown page, step string, fields ...string) (page, error) {
	visit := sealed.FindStringSubmatch(shown.text)
	if shown.status != http.StatusOK || visit == nil {
		return page{}, v.refused(ctx, shown)
	}
	form := url.Values{"visit": {html.UnescapeString(visit[1])}}
	for i := 0; i < len(fields); i += 2 {
		form.Set(fields[i], fields[i+1])
	}
	sent, err := v.ask(ctx, step, form)
	if err != nil {
		return page{}, err
	}
	if sent.status != http.StatusSeeOther {
		return page{}, v.refused(ctx, sent)
	}
	return v.ask(ctx, sent.location, nil)
}

// refused is what a page says that is not the one that was expected: its heading, and the code, which the audit has.
func (v *visitor) refused(ctx context.Context, p page) error {
	said := fmt.Sprintf("%s: %d", p.asked, p.status)
	if h := p.heading(); h != "" {
		said += fmt.Sprintf(" %q", h)
	}
	code := ""
	_ = v.soon(ctx, "no record of it", func() (bool, error) { // without the code the rest is told
		text, err := v.admin.Get(ctx, "audit", p.incident)
		if err != nil {
			return false, nil // it is written after the answer
		}
		var records []struct{ Code string }
		if err := json.Unmarshal(text, &records); err != nil || len(records) == 0 {
			return false, err
		}
		code = records[0].Code
		return true, nil
	})
	if code != "" {
		said += " " + code
	}
	return errors.New(said)
}

// agree comes by the partner's link, types its number, reads the PIN at its phone, and agrees to what is shown. It
// gives the page of results.
func (v *visitor) agree(ctx context.Context, p *product) (page, error) {
	at := "/ads/" + p.campaign
	offer, err := v.ask(ctx, at+"?"+p.link(v.endpoint(p.partner.id)).Encode(), nil)
	if err != nil {
		return page{}, err
	}
	shown, err := v.send(ctx, offer, at+"/msisdn", "msisdn", v.msisdn, "operator", "own")
	if err != nil {
		return page{}, err
	}
	pin := ""
	err = v.soon(ctx, "the phone has no PIN", func() (bool, error) {
		inbox, err := v.inbox(ctx)
		for _, m := range inbox {
			if found := firstPIN.FindString(m.Text); found != "" {
				pin = found
			}
		}
		return pin != "", err
	})
	if err != nil {
		return page{}, err
	}
	return v.send(ctx, shown, at+"/pin", "pin", pin)
}

// tid is what the partner tracks its user by.
const tid = "CONFORMANCE"

// link is the partner's link (specification §7.1). A partner with no page of its own for success brings one.
func (p *product) link(endpoint string) url.Values {
	query := url.Values{"partnerId": {p.partner.id}, "serviceId": {p.service.id}, "productId": {p.id}, "tid": {tid}, "tokenEncoded": {"true"}}
	if r := p.partner.spec.Redirect; r.SuccessURL == "" && len(r.URLs) > 0 {
		query.Set("SuccessUrl", endpoint+"/return")
	}
	return query
}

// inbox is what the phone got, the oldest first.
func (v *visitor) inbox(ctx context.Context) (messages []smsc.Message, err error) {
	err = v.control(ctx, http.MethodGet, "/_sandbox/smsc/messages?to="+v.msisdn, nil, &messages)
	return messages, err
}

// leave goes from the page of results to the partner, and gives the token that it brings there. The partner opens it
// with its key, by another implementation than the hub's.
func (v *visitor) leave(ctx context.Context, result page, p *product) (token string, err error) {
	link := wayBack.FindStringSubmatch(result.text)
	if link == nil {
		return "", fmt.Errorf("no way to the partner: %w", v.refused(ctx, result))
	}
	sent, err := v.ask(ctx, html.UnescapeString(link[1]), nil)
	if err != nil {
		return "", err
	}
	if sent.status != http.StatusSeeOther || !strings.HasPrefix(sent.location, v.endpoint(p.partner.id)+"/return?") {
		return "", fmt.Errorf("not sent to the partner's page: %w", v.refused(ctx, sent))
	}
	if _, err := v.ask(ctx, sent.location, nil); err != nil {
		return "", err
	}
	var ledger struct{ Returns []partner.Return }
	if err := v.control(ctx, http.MethodGet, "/_sandbox/ledger/partner", nil, &ledger); err != nil {
		return "", err
	}
	for _, r := range ledger.Returns {
		if to, err := url.Parse(sent.location); err != nil || r.Partner != p.partner.id || r.Query != to.RawQuery {
			continue
		}
		switch {
		case r.Token == "":
			return "", errors.New("the browser brought no token")
		case r.Claim == nil:
			return "", errors.New("the token does not open with the partner's key")
		case r.Claim.MSISDN != v.msisdn || r.Claim.ProductID != p.id || r.Claim.TID != tid:
			return "", fmt.Errorf("the token is of product %s and tid %s, or of another line", r.Claim.ProductID, r.Claim.TID)
		case (r.Claim.Time != nil) != timed(p.partner.spec.Redirect):
			return "", errors.New("the token has a time, or none, otherwise than the partner's document says")
		}
		return r.Token, nil
	}
	return "", errors.New("the browser did not come to the partner's page")
}

// timed reports whether the time is a part of a partner's tokens.
func timed(r catalogue.Redirect) bool { return r.Timed == nil || *r.Timed }
