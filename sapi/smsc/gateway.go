package smsc

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"puente/contracts/sapi/smsc"
	"puente/shared/httpclient"
	"puente/shared/keyring"
	"puente/shared/problem"
)

// gateway is the way to sendsms. It is told by POST, whose parameters are headers and whose body is the text:
// a proxy may send a GET again, and logs write down URLs.
type gateway struct {
	out      http.RoundTripper
	url      string
	smsc     string
	callback string
}

func newGateway(cfg Config, callback string, out *httpclient.Client) *gateway {
	return &gateway{out.Operation("sendsms", httpclient.Once), out.URL() + "/cgi-bin/sendsms", cfg.SMSC, strings.TrimSuffix(callback, "/")}
}

// credentials are set on each attempt, where nothing that logs a request sees them.
func credentials(cfg Config) func(*http.Request) error {
	return func(r *http.Request) error {
		r.Header["X-Kannel-Username"], r.Header["X-Kannel-Password"] = []string{cfg.Username}, []string{cfg.Password.Reveal()}
		return nil
	}
}

// The bits of dlr-mask, and of the status of a report.
const (
	delivered   = 1
	undelivered = 2
	buffered    = 4 // by the SMS center
	forwarded   = 8 // to the SMS center
	refused     = 16
	expired     = 0x20 // beside undelivered
	lost        = 0x40 // likewise: the SMS center does not know
)

// wanted reports: that the SMS center has it tells of a message whose answer was lost.
const wanted = delivered | undelivered | forwarded | refused

// codings of sendsms.
var codings = map[smsc.Encoding]string{smsc.EncodingGSM7: "0", smsc.EncodingUCS2: "2"}

// The gateway's own words for that it did not send.
var (
	errRefused     = errors.New("the gateway refuses the message")
	errNotNow      = errors.New("the gateway takes no messages now")
	errCredentials = errors.New("the gateway does not know our username and password")
)

// send has the gateway send, exactly once. Where the error is neither httpclient.Unsent nor one of those
// above, nobody knows whether it did.
func (g *gateway) send(ctx context.Context, in smsc.Message, message uuid.UUID, key string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, g.url, strings.NewReader(in.Text))
	if err != nil {
		return fmt.Errorf("http.url: %w", err)
	}
	set := func(name, value string) { req.Header[name] = []string{value} }
	set("Content-Type", "text/plain; charset=UTF-8")
	set("X-Kannel-From", in.From)
	set("X-Kannel-To", in.To)
	set("X-Kannel-Coding", codings[in.Encoding])
	if in.Validity > 0 {
		set("X-Kannel-Validity", strconv.FormatInt(in.Validity, 10))
	}
	if g.smsc != "" {
		set("X-Kannel-Smsc", g.smsc)
	}
	if in.ReportWanted {
		set("X-Kannel-Dlr-Mask", strconv.Itoa(wanted))
		set("X-Kannel-Dlr-Url", g.callback+"/callbacks/smsc/reports/"+message.String()+"?key="+key+"&status=%d&answer=%A")
	}
	resp, err := g.out.RoundTrip(req)
	if err != nil {
		return err
	}
	text, err := httpclient.ReadAll(resp)
	if err != nil {
		return err
	}
	return said(resp.StatusCode, strings.TrimSpace(string(text)))
}

// said is what an answer means. Only its own words are believed, whatever the status: 0 and 3 begin those of
// success, and what it did not take it says in these. A page of something before it says nothing.
func said(status int, text string) error {
	switch {
	case (status == http.StatusAccepted || status == http.StatusOK) && (strings.HasPrefix(text, "0:") || strings.HasPrefix(text, "3:")):
		return nil
	case status == http.StatusServiceUnavailable && strings.HasPrefix(text, "Temporal failure"):
		return errNotNow
	case (status == http.StatusForbidden || status == http.StatusUnauthorized) && strings.HasPrefix(text, "Authorization failed"):
		return errCredentials
	case status == http.StatusForbidden && strings.HasPrefix(text, "Not routable"):
		return errRefused
	case status == http.StatusBadRequest && (strings.HasSuffix(strings.TrimSuffix(text, "."), "rejected") || strings.Contains(text, "black-list")):
		return fmt.Errorf("%w: %.80q", errRefused, text)
	}
	return problem.Errorf(problem.BadUpstream, "smsc answered %d with %d bytes that are not the gateway's words", status, len(text)).Caused(target)
}

// reportKey proves a report: only who was given it with the message knows it.
func reportKey(ring *keyring.Ring, message uuid.UUID) string {
	sum := ring.MAC("smsc.report", message[:])
	return base64.RawURLEncoding.EncodeToString(sum[:])
}
