package webhook

import (
	"bytes"
	"errors"
	"net/http"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"puente/shared/httpclient"
	"puente/shared/outbox"
	"puente/shared/problem"
)

// Ack is what a receiver answers to say that it has an event.
type Ack string

// The ways to acknowledge. The zero one is AckBody.
const (
	AckBody Ack = "body" // 2xx and {"status": "0"}
	AckHTTP Ack = "http" // the same, or 2xx without a body
)

// Judge says what an answer means for the delivery (partner hub §6, delivery policy). Its reasons are
// ours, never the receiver's words.
//
//	2xx, status 0                      delivered
//	2xx, no body, ack http             delivered
//	2xx, status 14 or 15               dead: the receiver will never take it
//	2xx, status -1, other, unreadable  retry
//	408, 425, 429, 5xx                 retry, not before Retry-After
//	410                                pause
//	3xx, other 4xx, anything else      retry on the slow steps
func Judge(status int, header http.Header, body []byte, ack Ack, now time.Time) outbox.Result {
	r := outbox.Result{Outcome: outbox.RetrySlow, Status: status}
	switch {
	case status >= 200 && status < 300:
		r.Outcome, r.Reason = judgeBody(body, ack)
	case status >= 300 && status < 400:
		r.Reason = "redirect"
	case status == http.StatusGone:
		r.Outcome, r.Reason = outbox.Pause, "gone"
	case status == http.StatusRequestTimeout, status == http.StatusTooEarly, status == http.StatusTooManyRequests, status >= 500 && status < 600:
		r.Outcome, r.Reason = outbox.Retry, "unavailable"
		r.RetryAfter, _ = httpclient.RetryAfter(header, now)
	case status >= 400 && status < 500:
		r.Reason = "refused"
	default:
		r.Reason = "no final status"
	}
	return r
}

func judgeBody(body []byte, ack Ack) (outbox.Outcome, string) {
	if len(bytes.TrimSpace(body)) == 0 {
		if ack == AckHTTP {
			return outbox.Delivered, ""
		}
		return outbox.Retry, "empty body"
	}
	var answer struct {
		Status jsontext.Value `json:"status"`
	}
	if err := json.Unmarshal(body, &answer); err != nil || len(answer.Status) == 0 {
		return outbox.Retry, "unreadable body"
	}
	switch string(bytes.Trim(answer.Status, `"`)) { // a string in the document; some partners send a number
	case "0":
		return outbox.Delivered, ""
	case "14", "15":
		return outbox.Dead, "rejected"
	case "-1":
		return outbox.Retry, "receiver's error"
	}
	return outbox.Retry, "unknown status"
}

// judgeError says what a call without an answer means. What our own guard refused takes an operator,
// or another address behind the name; anything else may go better soon.
func judgeError(err error) outbox.Result {
	r := outbox.Result{Outcome: outbox.Retry, Reason: "network"}
	switch {
	case errors.Is(err, problem.Rejected):
		r.Outcome, r.Reason = outbox.RetrySlow, "address not allowed"
	case errors.Is(err, problem.Internal):
		r.Outcome, r.Reason = outbox.RetrySlow, "request cannot be sent"
	case errors.Is(err, problem.Timeout):
		r.Reason = "timeout"
	case errors.Is(err, problem.BadUpstream):
		r.Reason = "broken or too large an answer"
	}
	return r
}
