package audit

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// anyRecord draws a record whose texts need neither cutting nor replacing.
func anyRecord(t *rapid.T) *Record {
	text := rapid.StringN(0, 20, shortBytes).Filter(func(s string) bool { return short(textual(s)) == s })
	drawn := func(name string) string { return text.Draw(t, name) }
	r := &Record{
		ID: drawn("id"), Kind: drawn("kind"), Layer: drawn("layer"), API: drawn("api"), Operation: drawn("operation"), Method: drawn("method"),
		Client: drawn("client"), System: drawn("system"), Channel: drawn("channel"), Correlation: drawn("correlation"), Trace: drawn("trace"),
		Outcome: drawn("outcome"), Code: drawn("code"), Address: drawn("address"), Detail: drawn("detail"),
		Request: []byte(drawn("request")), Response: []byte(drawn("response")),
		Started:  time.UnixMicro(rapid.Int64Range(0, 1<<53).Draw(t, "started")).UTC(),
		Duration: time.Duration(rapid.Int64Range(0, 1<<40).Draw(t, "micros")) * time.Microsecond,
		Status:   rapid.IntRange(0, 999).Draw(t, "status"),
	}
	for range rapid.IntRange(0, 3).Draw(t, "items") {
		r.Decisions = append(r.Decisions, Decision{Policy: drawn("policy"), Verdict: drawn("verdict"), Detail: drawn("why")})
		r.Keys = append(r.Keys, KeyValue{Key: drawn("key"), Value: drawn("value")})
		r.AddDependency(Dependency{Target: drawn("target"), Operation: drawn("called"), Status: 503, Error: drawn("error"), Micros: 1 << 40, Attempts: 3})
	}
	return r
}

// items is a list as an entry holds it.
func items[T any](t *rapid.T, text string) (all []T) {
	if text != "" {
		if err := json.Unmarshal([]byte(text), &all); err != nil {
			t.Fatalf("%q: %v", text, err)
		}
	}
	return all
}

func TestEntryIsReadAsItWasWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := anyRecord(t)
		m := rapid.SampledFrom([]mark{begun, ended}).Draw(t, "mark")
		written := appendEntry([]byte("before"), m, r)[len("before"):]
		e, err := parseEntry(written)
		if err != nil {
			t.Fatal(err)
		}
		got := &Record{
			ID: e.id, Kind: e.kind, Started: e.started, Duration: time.Duration(e.micros) * time.Microsecond,
			Layer: e.layer, API: e.api, Operation: e.operation, Method: e.method, Client: e.client, System: e.system, Channel: e.channel,
			Correlation: e.correlation, Trace: e.trace, Status: int(e.status), Outcome: e.outcome, Code: e.code,
			Decisions: items[Decision](t, e.decisions), dependencies: items[Dependency](t, e.dependencies), Keys: items[KeyValue](t, e.keys),
			Address: e.address, Detail: e.detail, Request: []byte(e.request), Response: []byte(e.response),
		}
		if e.mark != m || !reflect.DeepEqual(got, r) {
			t.Errorf("%c: read %+v, written %+v", e.mark, got, r)
		}
		for _, cut := range []int{0, 1, rapid.IntRange(0, len(written)-1).Draw(t, "cut"), len(written) - 1} {
			if _, err := parseEntry(written[:cut]); err == nil {
				t.Errorf("read %d of %d bytes", cut, len(written))
			}
		}
	})
}

// What is read at all is what a text column and its index take.
func TestAnyBytesAreReadOrRefused(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := appendEntry(nil, ended, anyRecord(t))
		for range rapid.IntRange(0, 4).Draw(t, "changes") {
			b[rapid.IntRange(0, len(b)-1).Draw(t, "at")] = rapid.Byte().Draw(t, "byte")
		}
		e, err := parseEntry(b)
		if err != nil {
			return
		}
		if e.started.Before(earliest) || e.started.After(latest) {
			t.Errorf("started %v", e.started)
		}
		for i, s := range e.texts() {
			if *s != textual(*s) || i < publicTexts && s != &e.decisions && s != &e.dependencies && len(*s) > shortBytes {
				t.Errorf("text %d: %q", i, *s)
			}
		}
	})
}
