package fault_test

import (
	"encoding/json"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"puente/shared/problem"
	"puente/test/sandbox/fault"
)

func TestStrikes(t *testing.T) {
	flap := fault.Fault{Kind: fault.Flap, Period: 5 * time.Second}
	twice := fault.Fault{Kind: fault.Hang, Times: 2}
	rare := fault.Fault{Kind: fault.Hang, Probability: 0.1}
	for _, c := range []struct {
		name    string
		fault   fault.Fault
		elapsed time.Duration
		strikes int
		random  float64
		want    bool
	}{
		{"always", fault.Fault{Kind: fault.Hang}, 0, 1_000, 0.99, true},
		{"times left", twice, 0, 1, 0.5, true},
		{"times used up", twice, 0, 2, 0.5, false},
		{"within probability", rare, 0, 0, 0.09, true},
		{"beyond probability", rare, 0, 0, 0.1, false},
		{"flap begins down", flap, 0, 0, 0.5, true},
		{"flap still down", flap, 5*time.Second - 1, 0, 0.5, true},
		{"flap up", flap, 5 * time.Second, 0, 0.5, false},
		{"flap down again", flap, 10 * time.Second, 0, 0.5, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := c.fault.Strikes(c.elapsed, 0, c.strikes, c.random); got != c.want {
				t.Errorf("got %v", got)
			}
		})
	}
}

func TestFlapByCount(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		of := rapid.IntRange(1, 20).Draw(t, "of")
		fail := rapid.IntRange(1, of).Draw(t, "fail")
		first := rapid.IntRange(0, 1_000).Draw(t, "first")
		f := fault.Fault{Kind: fault.Flap, Fail: fail, Of: of}
		down := 0
		for call := first; call < first+of; call++ {
			if f.Strikes(0, call, 0, 0) {
				down++
			}
		}
		if down != fail {
			t.Fatalf("%d of %d calls failed, want %d", down, of, fail)
		}
	})
	if (fault.Fault{Kind: fault.Flap}).Strikes(0, 5, 0, 0) {
		t.Error("the sixth call fails although 5 of 6 is the default")
	}
}

func TestParse(t *testing.T) {
	no := false
	for _, c := range []struct {
		body string
		want fault.Fault
	}{
		{`{"system":"botservice","operation":"portability","fault":"delay","delay":"2s","times":1}`,
			fault.Fault{System: "botservice", Operation: "portability", Kind: fault.Delay, Delay: 2 * time.Second, Times: 1}},
		{`{"system":"s","fault":"status","status":429,"headers":{"Retry-After":"1"},"body":"[]","probability":0.5}`,
			fault.Fault{System: "s", Kind: fault.Status, Status: 429, Headers: map[string]string{"Retry-After": "1"}, Body: "[]", Probability: 0.5}},
		{`{"system":"s","fault":"flap","period":"5s"}`, fault.Fault{System: "s", Kind: fault.Flap, Period: 5 * time.Second}},
		{`{"system":"s","fault":"flap","fail":5,"of":6}`, fault.Fault{System: "s", Kind: fault.Flap, Fail: 5, Of: 6}},
		{`{"system":"s","fault":"reset","commit":false}`, fault.Fault{System: "s", Kind: fault.Reset, Commit: &no}},
	} {
		t.Run(string(c.want.Kind), func(t *testing.T) {
			got, err := fault.Parse([]byte(c.body))
			if err != nil || !reflect.DeepEqual(got, c.want) {
				t.Fatalf("got %+v, %v", got, err)
			}
			text, err := json.Marshal(got)
			if err != nil {
				t.Fatal(err)
			}
			if again, err := fault.Parse(text); err != nil || !reflect.DeepEqual(again, got) {
				t.Errorf("%s reads back as %+v, %v", text, again, err)
			}
		})
	}
}

func TestParseNamesTheMember(t *testing.T) {
	for _, c := range []struct{ body, member, rule string }{
		{`[]`, "body", "object"},
		{`{"fault":"explode"}`, "fault", "must be one of delay, drip,"},
		{`{}`, "fault", "must be one of"},
		{`{"fault":"hang","dealy":"2s"}`, "dealy", "not a member"},
		{`{"fault":"delay"}`, "delay", "required"},
		{`{"fault":"delay","delay":2}`, "delay", `such as "2s"`},
		{`{"fault":"delay","delay":"2 seconds"}`, "delay", `such as "2s"`},
		{`{"fault":"hang","delay":"-1s"}`, "delay", "negative"},
		{`{"fault":"status"}`, "status", "required"},
		{`{"fault":"status","status":99}`, "status", "200 to 599"},
		{`{"fault":"status","status":"503"}`, "status", "whole number"},
		{`{"fault":"hang","status":503}`, "status", "not heeded by fault hang"},
		{`{"fault":"delay","delay":"1s","commit":false}`, "commit", "not heeded"},
		{`{"fault":"flap","fail":7,"of":6}`, "fail", "at most of"},
		{`{"fault":"flap","fail":5,"of":6,"period":"1s"}`, "period", "does not go with"},
		{`{"fault":"hang","times":-1}`, "times", "negative"},
		{`{"fault":"hang","times":1.5}`, "times", "whole number"},
		{`{"fault":"hang","probability":1.5}`, "probability", "at most 1"},
		{`{"fault":"hang","probability":0}`, "probability", "above 0"},
	} {
		t.Run(c.body, func(t *testing.T) {
			_, err := fault.Parse([]byte(c.body))
			if !errors.Is(err, problem.Invalid) {
				t.Fatalf("got %v", err)
			}
			if !slices.ContainsFunc(problem.Of(err).Fields, func(f problem.Field) bool {
				return f.Path == c.member && strings.Contains(f.Rule, c.rule)
			}) {
				t.Errorf("fields %v", problem.Of(err).Fields)
			}
		})
	}
}
