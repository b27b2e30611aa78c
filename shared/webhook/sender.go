package webhook

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/url"
	"time"

	"puente/shared/config"
	"puente/shared/httpclient"
	"puente/shared/outbox"
)

// Endpoint is where and how a receiver wants its events. All but its URL may be left out.
type Endpoint struct {
	URL         string
	Secrets     []Secret // more than one while they are rotated
	Bearer      config.Secret
	Certificate Certificate // by which the receiver knows us (mutual TLS)
	Ack         Ack
}

// maxAnswer is how much of an answer is read.
const maxAnswer = 64 << 10

// timeout is what a receiver may take to answer.
const timeout = 15 * time.Second

// ClientConfig is cfg with what a client for webhooks needs: one attempt of at most 15 s, for the
// outbox has a schedule of its own; an answer of at most 64 KiB, while a refusal counts by its status, whatever
// page comes with it; no breaker, for the outbox has one for each destination; and places for as many sends as
// the outbox has under way at once.
func ClientConfig(cfg httpclient.Config, concurrency int) httpclient.Config {
	if cfg.Timeout <= 0 || cfg.Timeout > timeout {
		cfg.Timeout = timeout
	}
	cfg.Retries, cfg.MaxResponse, cfg.StatusAlone, cfg.Breaker.Off = 0, maxAnswer, true, true
	cfg.Bulkhead.Max = max(cfg.Bulkhead.Max, concurrency)
	if cfg.Pool.Max > 0 {
		cfg.Pool.Max = max(cfg.Pool.Max, cfg.Bulkhead.Max)
	}
	return cfg
}

// Sender posts messages to endpoints.
type Sender struct {
	client *httpclient.Client
	http   http.RoundTripper
	guard  *httpclient.SSRF
	plain  bool
	now    func() time.Time
	known  identities
}

// operation is the name of a send in metrics and logs.
const operation = "webhook"

// NewSender makes a sender over client, which was made of a ClientConfig and with guard. plain allows
// addresses without TLS, which is for tests and demos. now is told to receivers as the message's time.
func NewSender(client *httpclient.Client, guard *httpclient.SSRF, plain bool, now func() time.Time) *Sender {
	return &Sender{client: client, http: client.Operation(operation, httpclient.Safe), guard: guard, plain: plain, now: now}
}

// Check says whether a URL may be registered. Where its name leads is looked at each time it is called.
func (s *Sender) Check(address string) error {
	_, err := s.parse(address)
	return err
}

func (s *Sender) parse(address string) (*url.URL, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, errors.New("must be a URL") // the parser's text would repeat it
	}
	if u.Scheme != "https" && !s.plain {
		return nil, errors.New("must begin with https://")
	}
	if u.Fragment != "" {
		return nil, errors.New("must have no fragment")
	}
	return u, s.guard.Check(u)
}

// Send posts body, JSON, to e under the message's id, once, and judges the answer. Each attempt has a
// timestamp and signatures of its own.
func (s *Sender) Send(ctx context.Context, e Endpoint, id string, body []byte) outbox.Result {
	u, err := s.parse(e.URL)
	if err != nil {
		return outbox.Result{Outcome: outbox.RetrySlow, Reason: "address not allowed"}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, u.String(), bytes.NewReader(body))
	if err != nil {
		return outbox.Result{Outcome: outbox.RetrySlow, Reason: "request cannot be sent"}
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "puente-webhook/1")
	if len(e.Secrets) > 0 {
		Sign(req.Header, id, s.now(), body, e.Secrets...)
	} else {
		req.Header.Set(HeaderID, id)
	}
	if !e.Bearer.IsZero() {
		req.Header.Set("Authorization", "Bearer "+e.Bearer.Reveal())
	}
	way, err := s.way(e.Certificate)
	if err != nil {
		return outbox.Result{Outcome: outbox.RetrySlow, Reason: "certificate unreadable"}
	}
	resp, err := way.RoundTrip(req)
	if err != nil {
		return judgeError(err)
	}
	answer, err := httpclient.ReadAll(resp)
	if err != nil {
		return outbox.Result{Outcome: outbox.Retry, Status: resp.StatusCode, Reason: "unreadable body"}
	}
	return Judge(resp.StatusCode, resp.Header, answer, e.Ack, s.now())
}
