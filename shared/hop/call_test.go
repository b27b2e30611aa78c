package hop

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	"puente/shared/problem"
	"puente/shared/telemetry"
)

func TestValuesAreTheSameByEveryWay(t *testing.T) {
	depth := 0
	requests := []noteRequest{
		{Line: "SR-50452171", Number: 1},
		{Line: "a b&c=d?e", Number: math.MinInt64, Language: "es-CO & más", Depth: &depth, Fresh: true},
		{Line: "50 %", Number: math.MaxInt64, Language: "+"},
		{Line: "{number}", Number: 2},
		{Line: "a/b", Number: 3},
	}
	notes := []note{
		{Text: "x"},
		{Text: "ñ \"quoted\" <b> \u2028 日本", Amount: 9007199254740993, Tags: map[string]string{"a": "1", "b": "2", "c": "3", "d": "4"}},
		{Text: "child", Parent: &note{Text: "parent", Parent: &note{Text: "grandparent"}}},
		{Amount: math.MinInt64},
	}
	var got any
	p := &provider{
		get:    func(_ context.Context, in noteRequest) (note, error) { got = in; return notes[int(in.Number)&1], nil },
		add:    func(_ context.Context, in newNote) (note, error) { got = in; return in.note, nil },
		secret: func(_ context.Context, in note) (note, error) { got = in; return in, nil },
	}
	byEveryWay(t, p, func(t *testing.T, peer Peer) {
		for _, in := range requests {
			out, err := Call(t.Context(), peer, getNote, in)
			if err != nil || !reflect.DeepEqual(got, in) || !reflect.DeepEqual(out, notes[int(in.Number)&1]) {
				t.Errorf("sent %+v\ngot  %+v\nback %+v %v", in, got, out, err)
			}
		}
		for _, n := range notes {
			in := newNote{"SR-1", n}
			out, err := Call(t.Context(), peer, addNote, in)
			if err != nil || !reflect.DeepEqual(got, in) || !reflect.DeepEqual(out, n) {
				t.Errorf("sent %+v\ngot  %+v\nback %+v %v", in, got, out, err)
			}
			out, err = Call(t.Context(), peer, exchangeSecret, n)
			if err != nil || !reflect.DeepEqual(got, n) || !reflect.DeepEqual(out, n) {
				t.Errorf("secret %+v\ngot  %+v\nback %+v %v", n, got, out, err)
			}
		}
	})
}

func TestErrorsAreTheSameByEveryWay(t *testing.T) {
	for name, c := range map[string]struct{ err, want error }{
		"a kind alone": {problem.NotFound, &problem.Error{Kind: problem.NotFound, Trail: []problem.Cause{{Origin: "inventory", Message: "nothing was found"}}}},
		"a fact": {
			&problem.Error{Kind: problem.NotFound, Code: "LINE", Detail: "No such line", Err: errors.New("ORA-00942")},
			&problem.Error{Kind: problem.NotFound, Code: "LINE", Detail: "No such line", Trail: []problem.Cause{{Origin: "inventory", Message: "nothing was found"}}},
		},
		"wrapped, with fields": {
			fmt.Errorf("add note: %w", &problem.Error{Kind: problem.Invalid, Fields: []problem.Field{{Path: "text", Rule: "is required"}}}),
			&problem.Error{Kind: problem.Invalid, Fields: []problem.Field{{Path: "text", Rule: "is required"}}, Trail: []problem.Cause{{Origin: "inventory", Message: "the request was refused"}}},
		},
		"of a system, with a time": {
			(&problem.Error{Kind: problem.Unavailable, RetryAfter: 1500*time.Millisecond + time.Nanosecond}).Caused("mss"),
			&problem.Error{Kind: problem.Unavailable, RetryAfter: 1501 * time.Millisecond, Trail: []problem.Cause{
				{Origin: "inventory", Message: "the dependency is not available"}, {Origin: "mss", Message: "the dependency is not available"}}},
		},
		"an unknown outcome": {
			&problem.Error{Kind: problem.Unknown, Err: context.DeadlineExceeded},
			&problem.Error{Kind: problem.Unknown, Trail: []problem.Cause{{Origin: "inventory", Message: "the outcome is not known yet"}}},
		},
		"a defect": {
			errors.New("index out of range"),
			&problem.Error{Kind: problem.Internal, Trail: []problem.Cause{{Origin: "inventory", Message: "an internal error occurred"}}},
		},
		"a deadline of its own": {
			fmt.Errorf("select: %w", context.DeadlineExceeded),
			&problem.Error{Kind: problem.Timeout, Trail: []problem.Cause{{Origin: "inventory", Message: "the deadline passed"}}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := &provider{secret: func(context.Context, note) (note, error) { return note{Text: "half"}, c.err }}
			byEveryWay(t, p, func(t *testing.T, peer Peer) {
				_, err := Call(t.Context(), peer, exchangeSecret, note{Text: "x"})
				if !reflect.DeepEqual(err, c.want) {
					t.Errorf("got  %#v\nwant %#v", err, c.want)
				}
			})
		})
	}
}

// What crosses: deadline, correlation, trace and principal, and nothing else of the context.
func TestContextIsTheSameByEveryWay(t *testing.T) {
	type secretKey struct{}
	principal := Principal{Client: "tienda", System: "TIENDA", Channel: "web"}
	trace := telemetry.NewTrace()
	p := &provider{secret: func(ctx context.Context, _ note) (note, error) {
		if got := PrincipalOf(ctx); got != principal {
			t.Errorf("principal %+v", got)
		}
		if got := telemetry.Correlation(ctx); got != "TIENDA-1" {
			t.Errorf("correlation %q", got)
		}
		if got := telemetry.TraceOf(ctx); got.ID != trace.ID {
			t.Errorf("trace %v, want %v", got, trace)
		}
		if ctx.Value(secretKey{}) != nil {
			t.Error("a value of the caller's crossed")
		}
		if deadline, ok := ctx.Deadline(); !ok || time.Until(deadline) > time.Minute {
			t.Errorf("deadline %v %v", deadline, ok)
		}
		return note{Text: "seen"}, nil
	}}
	byEveryWay(t, p, func(t *testing.T, peer Peer) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		ctx = telemetry.WithTrace(telemetry.WithCorrelation(WithPrincipal(ctx, principal), "TIENDA-1"), trace)
		if out, err := Call(context.WithValue(ctx, secretKey{}, 1), peer, exchangeSecret, note{}); err != nil || out.Text != "seen" {
			t.Error(out, err)
		}
	})
}

func TestCallEndsWithItsDeadlineByEveryWay(t *testing.T) {
	p := &provider{secret: func(ctx context.Context, _ note) (note, error) {
		<-ctx.Done()
		return note{}, ctx.Err()
	}}
	byEveryWay(t, p, func(t *testing.T, peer Peer) {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		defer cancel()
		_, err := Call(ctx, peer, exchangeSecret, note{})
		e := problem.Of(err)
		if e.Kind != problem.Timeout || e.RetryAfter != 0 || len(e.Trail) == 0 || e.Trail[0].Origin != "inventory" {
			t.Errorf("%#v", e)
		}
	})
}

func TestNobodyProvides(t *testing.T) {
	r := NewRegistry()
	Provide(r, Operation[note, string]{Contract: &inventory, ID: "exchangeSecret"}, func(context.Context, note) (string, error) { return "", nil })
	if _, err := Call(t.Context(), Local(&inventory, r, false), exchangeSecret, note{}); !errors.Is(err, problem.Internal) {
		t.Errorf("other types: %v", err)
	}
	if _, err := Call(t.Context(), Local(&inventory, r, false), getNote, noteRequest{}); !errors.Is(err, problem.Internal) {
		t.Errorf("no provider: %v", err)
	}
	if _, err := (Operation[note, note]{Contract: &inventory, ID: "burn"}).Lookup(); err == nil {
		t.Error("an operation that the contract does not have")
	}
	if _, err := (&Contract{Layer: "sapi", Name: "broken", Spec: []byte("openapi: 3.0.3")}).Document(); err == nil || !strings.Contains(err.Error(), "sapi.broken") {
		t.Errorf("a broken document: %v", err)
	}
}

// A verified hop refuses what an HTTP hop could not have carried.
func TestVerifyFindsWhatDoesNotTravel(t *testing.T) {
	type lossy struct {
		Text string `json:"text"`
		Lost string `json:"-"`
	}
	op := Operation[lossy, note]{Contract: &inventory, ID: "exchangeSecret"}
	r := NewRegistry()
	Provide(r, op, func(context.Context, lossy) (note, error) { return note{}, nil })
	if _, err := Call(t.Context(), Local(&inventory, r, true), op, lossy{Text: "x", Lost: "y"}); !errors.Is(err, problem.Internal) || !strings.Contains(err.Error(), "Lost") {
		t.Errorf("a member without a tag: %v", err)
	}
	long := note{Text: strings.Repeat("x", 65)}
	p := &provider{secret: func(context.Context, note) (note, error) { return long, nil }, add: func(_ context.Context, in newNote) (note, error) { return note{}, nil }}
	if _, err := Call(t.Context(), Local(&inventory, p.registry(), true), addNote, newNote{"1", long}); !errors.Is(err, problem.Internal) || !strings.Contains(err.Error(), "input") {
		t.Errorf("an input that breaks the contract: %v", err)
	}
	p.get = func(context.Context, noteRequest) (note, error) { return long, nil }
	if _, err := Call(t.Context(), Local(&inventory, p.registry(), true), getNote, noteRequest{}); !errors.Is(err, problem.Internal) || !strings.Contains(err.Error(), "answer") {
		t.Errorf("an answer that breaks the contract: %v", err)
	}
}

// Who cannot prove to be a layer of ours is not believed, whatever it answers.
func TestRemoteBelievesOnlyOurServices(t *testing.T) {
	other, err := NewServices([]byte("another key, of the same length."))
	if err != nil {
		t.Fatal(err)
	}
	ours := services(t)
	sealing := func(plain string) []byte {
		sealed, err := seal(t).Encrypt([]byte(plain))
		if err != nil {
			t.Fatal(err)
		}
		return sealed
	}
	sealed, notANote := sealing(`{"text":"x"}`), sealing("]")
	nonceOf := func(r *http.Request, body []byte) string {
		_, nonce, _, err := ours.Caller(r.Header.Get("Authorization"), "sapi", r.Method+" "+r.URL.RequestURI(), body)
		if err != nil {
			t.Error(err)
		}
		return nonce
	}
	for name, c := range map[string]struct {
		proof  func(nonce string) string
		status int
		body   []byte
		kind   problem.Kind
	}{
		"no proof":              {func(string) string { return "" }, 200, sealed, problem.BadUpstream},
		"another key's":         {func(n string) string { return other.Answer(n, 200, sealed) }, 200, sealed, problem.BadUpstream},
		"of another call":       {func(string) string { return ours.Answer("another", 200, sealed) }, 200, sealed, problem.BadUpstream},
		"of another status":     {func(n string) string { return ours.Answer(n, 500, sealed) }, 200, sealed, problem.BadUpstream},
		"of another body":       {func(n string) string { return ours.Answer(n, 200, []byte("x")) }, 200, sealed, problem.BadUpstream},
		"proved, not sealed":    {func(n string) string { return ours.Answer(n, 200, []byte(`{}`)) }, 200, []byte(`{}`), problem.BadUpstream},
		"proved, not a note":    {func(n string) string { return ours.Answer(n, 200, notANote) }, 200, notANote, problem.BadUpstream},
		"proved, other success": {func(n string) string { return ours.Answer(n, 201, sealed) }, 201, sealed, problem.BadUpstream},
		"proved, no problem":    {func(n string) string { return ours.Answer(n, 503, []byte("<html>")) }, 503, []byte("<html>"), problem.BadUpstream},
		"an unproved refusal":   {func(string) string { return "" }, 404, problem.Marshal(&problem.Error{Kind: problem.NotFound}), problem.BadUpstream},
	} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				body := make([]byte, r.ContentLength)
				_, _ = r.Body.Read(body)
				w.Header().Set(ServiceHeader, c.proof(nonceOf(r, body)))
				w.WriteHeader(c.status)
				_, _ = w.Write(c.body)
			}))
			defer server.Close()
			remote := &Remote{URL: server.URL, Caller: "xapi", Layer: "sapi", Services: ours, Sealer: seal(t), Transport: http.DefaultTransport}
			out, err := Call(t.Context(), Away(&inventory, remote), exchangeSecret, note{Text: "x"})
			e := problem.Of(err)
			if e == nil || e.Kind != c.kind || len(e.Trail) != 1 || e.Trail[0].Origin != "inventory" || e.Err == nil {
				t.Errorf("%+v %#v", out, e)
			}
		})
	}
}

// A layer that is away is Unavailable, says when to come back, and the log learns why.
func TestRemoteIsAway(t *testing.T) {
	remote := &Remote{URL: "http://127.0.0.1:1", Caller: "xapi", Layer: "sapi", Services: services(t), Sealer: seal(t), Transport: http.DefaultTransport}
	_, err := Call(t.Context(), Away(&inventory, remote), exchangeSecret, note{})
	e := problem.Of(err)
	if e.Kind != problem.Unavailable || e.RetryAfter != time.Second || !strings.Contains(e.Error(), "refused") || len(e.Trail) != 1 {
		t.Errorf("%#v", e)
	}
}

// A layer that took the call and went away before it answered may have acted.
func TestRemoteGoesAwayWithoutAnAnswer(t *testing.T) {
	for name, half := range map[string]string{"before the answer": "", "within it": "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{"} {
		t.Run(name, func(t *testing.T) {
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				conn, _, err := http.NewResponseController(w).Hijack()
				if err != nil {
					t.Error(err)
					return
				}
				defer conn.Close()
				_, _ = conn.Write([]byte(half))
			}))
			defer server.Close()
			remote := &Remote{URL: server.URL, Caller: "xapi", Layer: "sapi", Services: services(t), Sealer: seal(t), Transport: http.DefaultTransport}
			_, err := Call(t.Context(), Away(&inventory, remote), exchangeSecret, note{})
			if e := problem.Of(err); e.Kind != problem.Unknown || e.RetryAfter != 0 || len(e.Trail) != 1 || e.Err == nil {
				t.Errorf("%#v", e)
			}
		})
	}
}
