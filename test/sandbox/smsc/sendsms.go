package smsc

import (
	"context"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"golang.org/x/text/encoding/htmlindex"

	"puente/test/sandbox/register"
)

// answers are those of setting answer; the first is that of none.
var answers = map[string]struct {
	status int
	text   string
}{
	"":           {http.StatusAccepted, "0: Accepted for delivery"},
	"queued":     {http.StatusAccepted, "3: Queued for later delivery"},
	"unroutable": {http.StatusForbidden, "Not routable. Do not try again."},
	"temporal":   {http.StatusServiceUnavailable, "Temporal failure, try again later."},
}

// sendsms sends a message and begins its reports.
func (s *Service) sendsms(w http.ResponseWriter, r *http.Request) {
	get, text, ok := parameters(r)
	settings := s.Configure(nil)
	mask, _ := strconv.Atoi(get("dlr-mask"))
	m := Message{
		From: get("from"), To: strings.TrimPrefix(get("to"), "+"), Text: text, Coding: get("coding"), Validity: get("validity"), SMSC: get("smsc"),
		Mask: mask, ReportURL: get("dlr-url"), Reports: []int{}, CorrelationID: r.Header.Get("X-Correlation-ID"), SentAt: s.now().UTC(),
	}
	says := func(status int, text string) {
		w.Header().Set("Content-Type", "text/html") // as Kannel does, of plain text
		w.WriteHeader(status)
		io.WriteString(w, text)
	}
	answer := answers[settings.Answer]
	switch {
	case settings.Username != "" && (get("username") != settings.Username || get("password") != settings.Password):
		says(http.StatusForbidden, "Authorization failed for sendsms")
	case !ok:
		says(http.StatusBadRequest, "Charset or body misformed, rejected")
	case m.To == "":
		says(http.StatusBadRequest, "Missing receiver number, rejected")
	case m.From == "":
		says(http.StatusBadRequest, "Sender missing and no global set, rejected")
	case answer.status != http.StatusAccepted:
		says(answer.status, answer.text)
	default:
		filed, err := s.messages.File(func(n int) Message {
			m.Number = fmt.Sprintf("MT%09d", n)
			return m
		})
		if err != nil {
			says(http.StatusServiceUnavailable, "Temporal failure, try again later.")
			return
		}
		s.later(func(ctx context.Context) { s.reports(ctx, filed) })
		says(answer.status, answer.text)
	}
}

// parameters are those of sendsms, from the URL or from the headers and the body.
func parameters(r *http.Request) (get func(string) string, text string, ok bool) {
	query := r.URL.Query()
	get, charset := query.Get, query.Get("charset")
	if text = query.Get("text"); r.Method == http.MethodPost {
		get = func(name string) string { return r.Header.Get("X-Kannel-" + name) }
		body, err := io.ReadAll(r.Body)
		media, params, mediaErr := mime.ParseMediaType(r.Header.Get("Content-Type"))
		if err != nil || mediaErr != nil || media != "text/plain" {
			return get, "", false
		}
		text, charset = string(body), params["charset"]
	}
	if charset == "" {
		return get, text, true
	}
	known, err := htmlindex.Get(charset)
	if err != nil {
		return get, "", false
	}
	text, err = known.NewDecoder().String(text)
	return get, text, err == nil
}

// The bits of a report's status and of the mask that asks for it.
const (
	Delivered   = 1
	Undelivered = 2
	Forwarded   = 8
)

// reports calls the reports of a message that its mask asks for.
func (s *Service) reports(ctx context.Context, m Message) {
	s.report(ctx, m, Forwarded, "ACK/")
	switch {
	case strings.HasSuffix(m.To, "3000"):
		s.report(ctx, m, Undelivered, "id:"+m.Number+" sub:001 dlvrd:000 stat:UNDELIV err:001 text:")
	case strings.HasSuffix(m.To, "3001"):
		late, _ := time.ParseDuration(s.Configure(nil).Late)
		select {
		case <-ctx.Done():
		case <-time.After(late):
			s.report(ctx, m, Delivered, "id:"+m.Number+" sub:001 dlvrd:001 stat:DELIVRD err:000 text:")
		}
	default:
		s.report(ctx, m, Delivered, "id:"+m.Number+" sub:001 dlvrd:001 stat:DELIVRD err:000 text:")
	}
}

// report calls one report, if it is asked for, until it is taken.
func (s *Service) report(ctx context.Context, m Message, status int, answer string) (taken bool) {
	if m.ReportURL == "" || m.Mask&status == 0 {
		return false
	}
	target := expand(m.ReportURL, map[byte]string{
		'd': strconv.Itoa(status), 'A': answer, 'F': m.Number, 'p': m.To, 'P': m.From, 'i': "SANDBOX", 'I': m.Number,
	}, s.now())
	if got := s.call(ctx, target, func(int) {}); !accepted(got) {
		return false
	}
	_, _, err := s.messages.Change(m.Number, register.Any, func(known Message) Message {
		known.Reports = append(append([]int{}, known.Reports...), status)
		return known
	})
	return err == nil
}

// How often a call that is not taken is repeated. Kannel has http-request-retry and http-queue-delay for it.
const (
	tries = 300
	pause = 200 * time.Millisecond
)

func accepted(status int) bool { return status == http.StatusOK || status == http.StatusAccepted }

// call makes a call until it is taken; it returns the last status, 0 where there was none. each is told every one.
func (s *Service) call(ctx context.Context, target string, each func(status int)) (status int) {
	for range tries {
		status = 0
		if req, err := http.NewRequestWithContext(ctx, http.MethodGet, target, http.NoBody); err == nil {
			if resp, err := s.client.Do(req); err == nil {
				_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 64<<10))
				resp.Body.Close()
				status = resp.StatusCode
			}
		}
		if each(status); accepted(status) {
			return status
		}
		select {
		case <-ctx.Done():
			return status
		case <-time.After(pause):
		}
	}
	return status
}

// expand writes values in place of Kannel's escape codes, as parts of a URL. A code that is not known stays.
func expand(pattern string, values map[byte]string, now time.Time) string {
	values['t'], values['T'] = now.UTC().Format("2006-01-02 15:04:05"), strconv.FormatInt(now.Unix(), 10)
	var b strings.Builder
	for i := 0; i < len(pattern); i++ {
		if pattern[i] == '%' && i+1 < len(pattern) {
			if value, ok := values[pattern[i+1]]; ok {
				b.WriteString(url.QueryEscape(value))
				i++
				continue
			}
		}
		b.WriteByte(pattern[i])
	}
	return b.String()
}
