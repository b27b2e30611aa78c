package ratelimit

import (
	"maps"
	"net/http"
	"slices"
	"testing"
	"time"
)

func TestHeaders(t *testing.T) {
	minute := Limit{Name: "client", Key: "c", Requests: 1000, Window: time.Minute}
	day := Limit{Name: "client", Key: "c", Requests: 50_000, Window: 24 * time.Hour}
	phone := Limit{Name: `pho"ne`, Key: "p", Requests: 5, Window: time.Hour}
	for name, c := range map[string]struct {
		decisions []Decision
		want      map[string]string
	}{
		"one limit": {
			[]Decision{newDecision([]Standing{{Limit: minute, Remaining: 999, Reset: 59_100 * time.Millisecond}})},
			map[string]string{
				"RateLimit-Policy": `"client";q=1000;w=60`, "RateLimit": `"client";r=999;t=60`,
				"X-RateLimit-Limit": "1000", "X-RateLimit-Remaining": "999", "X-RateLimit-Reset": "60",
			},
		},
		"limits of one name": {
			[]Decision{newDecision([]Standing{{Limit: minute, Remaining: 999}, {Limit: day, Remaining: 7, Reset: time.Second}})},
			map[string]string{
				"RateLimit-Policy":  `"client-60";q=1000;w=60, "client-86400";q=50000;w=86400`,
				"RateLimit":         `"client-60";r=999;t=0, "client-86400";r=7;t=1`,
				"X-RateLimit-Limit": "50000", "X-RateLimit-Remaining": "7", "X-RateLimit-Reset": "1",
			},
		},
		"refused by the second stage, by share": {
			[]Decision{
				newDecision([]Standing{{Limit: minute, Remaining: 0, Reset: time.Minute}}),
				func() Decision {
					d := newDecision([]Standing{{Limit: phone, Refused: true, Reset: time.Millisecond}})
					d.Degraded = true
					return d
				}(),
			},
			map[string]string{
				"RateLimit-Policy": `"client";q=1000;w=60, "pho_ne";q=5;w=3600`, "RateLimit": `"client";r=0;t=60, "pho_ne";r=0;t=1`,
				"X-RateLimit-Limit": "5", "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": "1",
				"Retry-After": "1", "X-RateLimit-Degraded": "true",
			},
		},
		"the first stage binds more": {
			[]Decision{
				newDecision([]Standing{{Limit: minute, Remaining: 2}}),
				newDecision([]Standing{{Limit: phone, Remaining: 3}}),
			},
			map[string]string{
				"RateLimit-Policy": `"client";q=1000;w=60, "pho_ne";q=5;w=3600`, "RateLimit": `"client";r=2;t=0, "pho_ne";r=3;t=0`,
				"X-RateLimit-Limit": "1000", "X-RateLimit-Remaining": "2", "X-RateLimit-Reset": "0",
			},
		},
		"no limit": {[]Decision{{Allowed: true}}, map[string]string{}},
	} {
		t.Run(name, func(t *testing.T) {
			got, want := http.Header{}, http.Header{}
			for _, d := range c.decisions {
				SetHeaders(got, d)
			}
			for k, v := range c.want {
				want.Set(k, v)
			}
			if !maps.EqualFunc(got, want, slices.Equal) {
				t.Errorf("got  %v\nwant %v", got, want)
			}
		})
	}
}

func TestTheBindingLimit(t *testing.T) {
	a, b, c := Standing{Limit: limit("a", 9, time.Hour)}, Standing{Limit: limit("b", 9, time.Hour)}, Standing{Limit: limit("c", 9, time.Hour)}
	a.Remaining, b.Remaining, c.Remaining = 3, 1, 2
	if got := newDecision([]Standing{a, b, c}); got.Limit != b.Limit || !got.Allowed {
		t.Errorf("not the one with the fewest left: %+v", got)
	}
	a.Refused, a.Reset, c.Refused, c.Reset = true, time.Second, true, time.Minute
	if got := newDecision([]Standing{a, b, c}); got.Limit != c.Limit || got.Allowed || got.RetryAfter != time.Minute {
		t.Errorf("not the refusing one that lasts longest: %+v", got)
	}
}
