package server

import (
	"context"
	"strings"
	"testing"
	"time"
)

// An answer that breaks its contract reaches the caller, and the operator hears of it: which field,
// and not what it holds.
func TestAnswersAreHeldToTheirContract(t *testing.T) {
	const broken = "+57 300 555 01 99"
	serve := func(context.Context, struct{}) (forecast, error) { return forecast{Phone: broken}, nil }
	const open = "policies: {modes: {origin: off}, answers: {sample: %}}\n"
	for share, want := range map[string]string{"1": `contract_response_breaches_total{api="weather",operation="getWeather"} 1`, "0": ""} {
		at, said := edge(t, strings.Replace(open, "%", share, 1), serve)
		if status, body := asked(t, "http://"+at.Public+"/v1/weather"); status != 200 || !strings.Contains(body, broken) {
			t.Fatalf("%d %s", status, body)
		}
		counted := func() bool {
			_, metrics := asked(t, "http://"+at.Operations+"/metrics")
			return strings.Contains(metrics, "contract_response_breaches_total{") == (want != "") && strings.Contains(metrics, want)
		}
		for late := time.After(5 * time.Second); !counted(); { // it is checked after it was sent
			select {
			case <-late:
				t.Fatalf("share %s: %q is not counted", share, want)
			case <-time.After(time.Millisecond):
			}
		}
		if want == "" {
			continue
		}
		for late := time.After(5 * time.Second); !strings.Contains(said(), "answer breaks its contract"); {
			select {
			case <-late:
				t.Fatalf("not logged: %s", said())
			case <-time.After(time.Millisecond):
			}
		}
		if text := said(); !strings.Contains(text, "fields=[phone]") || strings.Contains(text, "555") {
			t.Errorf("logged %s", text)
		}
	}
}
