package webhook

import (
	"net/http"
	"testing"
	"time"

	"puente/shared/outbox"
)

// The rows are those of the delivery policy (partner hub §6).
func TestJudgement(t *testing.T) {
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	for _, test := range []struct {
		status int
		body   string
		ack    Ack
		want   outbox.Outcome
	}{
		{200, `{"status":"0","message":"ok"}`, AckBody, outbox.Delivered},
		{200, `{"status":"0"}`, AckHTTP, outbox.Delivered},
		{200, `{"status":"0"}`, "", outbox.Delivered},
		{201, `{"status":0}`, AckBody, outbox.Delivered},
		{202, "\ufeff", AckBody, outbox.Retry},
		{204, ``, AckHTTP, outbox.Delivered},
		{200, " \n", AckHTTP, outbox.Delivered},
		{204, ``, AckBody, outbox.Retry},
		{204, ``, "", outbox.Retry},
		{200, `{"status":"14"}`, AckBody, outbox.Dead},
		{200, `{"status":"15","message":"Flujo incorrecto"}`, AckHTTP, outbox.Dead},
		{200, `{"status":15}`, AckBody, outbox.Dead},
		{200, `{"status":"-1"}`, AckBody, outbox.Retry},
		{200, `{"status":"00"}`, AckBody, outbox.Retry},
		{200, `{"status":"1"}`, AckBody, outbox.Retry},
		{200, `{"status":null}`, AckBody, outbox.Retry},
		{200, `{"status":{"0":"0"}}`, AckBody, outbox.Retry},
		{200, `{}`, AckBody, outbox.Retry},
		{200, `OK`, AckHTTP, outbox.Retry},
		{200, `<html>`, AckBody, outbox.Retry},
		{200, `{"status":"0"`, AckBody, outbox.Retry},
		{200, `null`, AckBody, outbox.Retry},
		{301, `{"status":"0"}`, AckHTTP, outbox.RetrySlow},
		{302, ``, AckHTTP, outbox.RetrySlow},
		{304, ``, AckBody, outbox.RetrySlow},
		{400, `{"status":"0"}`, AckBody, outbox.RetrySlow},
		{401, ``, AckBody, outbox.RetrySlow},
		{403, ``, AckBody, outbox.RetrySlow},
		{404, `{"status":"14"}`, AckBody, outbox.RetrySlow},
		{408, ``, AckBody, outbox.Retry},
		{409, ``, AckBody, outbox.RetrySlow},
		{410, ``, AckBody, outbox.Pause},
		{422, ``, AckBody, outbox.RetrySlow},
		{425, ``, AckBody, outbox.Retry},
		{429, ``, AckBody, outbox.Retry},
		{500, `{"status":"0"}`, AckBody, outbox.Retry},
		{503, ``, AckBody, outbox.Retry},
		{599, ``, AckBody, outbox.Retry},
		{600, ``, AckBody, outbox.RetrySlow},
		{999, ``, AckBody, outbox.RetrySlow},
	} {
		r := Judge(test.status, http.Header{}, []byte(test.body), test.ack, now)
		if r.Outcome != test.want || r.Status != test.status || r.RetryAfter != 0 || (r.Reason == "") != (r.Outcome == outbox.Delivered) {
			t.Errorf("%d %s with ack %q: %+v, want %v", test.status, test.body, test.ack, r, test.want)
		}
	}
	for status, want := range map[int]time.Duration{429: 2 * time.Minute, 503: 2 * time.Minute, 404: 0, 200: 0} {
		if r := Judge(status, http.Header{"Retry-After": {"120"}}, nil, AckBody, now); r.RetryAfter != want {
			t.Errorf("%d: retry after %v", status, r.RetryAfter)
		}
	}
}
