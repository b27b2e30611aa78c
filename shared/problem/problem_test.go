package problem

import (
	"context"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// fault draws an error as an API may return it, after it crossed a layer: without its hidden cause.
func fault(t *rapid.T) *Error {
	text := rapid.StringOf(rapid.RuneFrom([]rune(`aZ ñ日"\<>&é{}`)))
	fields := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Field {
		return Field{Path: text.Draw(t, "path"), Rule: text.Draw(t, "rule"), Breach: Breach(rapid.IntRange(0, int(Unreadable)).Draw(t, "breach")), Member: text.Draw(t, "member")}
	}), 0, 3).Draw(t, "fields")
	trail := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Cause {
		return Cause{Origin: text.Draw(t, "origin"), Message: text.Draw(t, "message")}
	}), 0, 3).Draw(t, "trail")
	e := &Error{
		Kind: Kind(rapid.IntRange(0, int(kinds)-1).Draw(t, "kind")), Code: text.Draw(t, "code"), Detail: text.Draw(t, "detail"),
		RetryAfter: time.Duration(rapid.Int64Range(0, int64(48*time.Hour)).Draw(t, "retryAfter")),
	}
	if len(fields) > 0 {
		e.Fields = fields
	}
	if len(trail) > 0 {
		e.Trail = trail
	}
	return e
}

func TestErrorCrossesTheWireUnchanged(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		typed := Cross(fault(t), "inventory")
		if back := Unmarshal(typed.Kind.Status(), Marshal(typed)); !reflect.DeepEqual(back, typed) {
			t.Fatalf("sent     %#v\nreceived %#v", typed, back)
		}
	})
}

// Whole milliseconds travel; a caller may not be told to come back earlier by one way than by the other.
func TestRetryAfterIsNeverShortenedByTheWire(t *testing.T) {
	for _, d := range []time.Duration{time.Nanosecond, 500 * time.Microsecond, time.Second + time.Nanosecond, 2 * time.Second} {
		e := &Error{Kind: Conflict, RetryAfter: d}
		back := Unmarshal(409, Marshal(e))
		if back.RetryAfter < d || RetryAfterHeader(back.RetryAfter) != RetryAfterHeader(d) {
			t.Errorf("%v became %v", d, back.RetryAfter)
		}
	}
}

func TestUnmarshalOfWhatIsNoProblem(t *testing.T) {
	for _, body := range []string{"", "null", "[]", "<html>Bad gateway</html>", `{"title":"Bad Gateway"}`, `{"kind":7}`, `{"kind":"invalid"`} {
		e := Unmarshal(502, []byte(body))
		if !errors.Is(e, BadUpstream) || !strings.Contains(e.Error(), "status 502") || strings.Contains(e.Error(), "html") {
			t.Errorf("%q: %v", body, e)
		}
	}
	if e := Unmarshal(500, []byte(`{"kind":"of a newer version"}`)); !errors.Is(e, Internal) {
		t.Errorf("unknown kind: %v", e)
	}
}

func TestKindsAreThemselvesOnTheWire(t *testing.T) {
	seen := map[string]bool{}
	for k := range kinds {
		if KindOf(k.String()) != k || seen[k.String()] {
			t.Errorf("kind %d: %q is not its own name", k, k)
		}
		seen[k.String()] = true
		if !errors.Is(&Error{Kind: k}, k) || errors.Is(&Error{Kind: k}, (k+1)%kinds) {
			t.Errorf("%v: errors.Is does not tell it from others", k)
		}
		if s := k.Status(); s < 400 || title(s) == "" {
			t.Errorf("%v: status %d", k, s)
		}
	}
	if k := Kind(200); k.String() != "internal" || k.Status() != 500 || k.Outcome() != "server" {
		t.Errorf("a kind that is none: %v %d %s", k, k.Status(), k.Outcome())
	}
}

func TestOf(t *testing.T) {
	known := &Error{Kind: NotFound}
	for _, c := range []struct {
		err  error
		want Kind
	}{
		{known, NotFound},
		{fmt.Errorf("inventory: get service: %w", known), NotFound},
		{errors.Join(io.EOF, known), NotFound},
		{TooLarge, TooLarge},
		{fmt.Errorf("read body: %w", TooLarge), TooLarge},
		{io.EOF, Internal},
		{fmt.Errorf("call: %w", context.DeadlineExceeded), Timeout},
		{fmt.Errorf("call: %w", context.Canceled), Timeout},
		{&Error{Kind: Unknown, Err: context.DeadlineExceeded}, Unknown}, // what is known of it wins
	} {
		if e := Of(c.err); e.Kind != c.want || !errors.Is(e, c.want) {
			t.Errorf("%v: %v, want %v", c.err, e.Kind, c.want)
		}
	}
	if Of(nil) != nil {
		t.Error("nil is not nil")
	}
}

func TestTheCallersLeavingIsItsOwn(t *testing.T) {
	passed, stop := context.WithDeadline(t.Context(), time.Now().Add(-time.Second))
	defer stop()
	left := func(deadline time.Duration) context.Context {
		ctx, stop := context.WithTimeout(t.Context(), deadline)
		stop()
		return ctx
	}
	for name, c := range map[string]struct {
		ctx  context.Context
		err  error
		want Kind
	}{
		"the caller left":                 {left(time.Hour), Errorf(Timeout, "x"), Abandoned},
		"the caller left, plainly":        {left(time.Hour), context.Canceled, Abandoned},
		"the deadline passed":             {passed, Errorf(Timeout, "x"), Timeout},
		"the layer above was just sooner": {left(10 * time.Millisecond), Errorf(Timeout, "x"), Timeout},
		"the caller waits":                {t.Context(), Errorf(Timeout, "x"), Timeout},
		"it failed before":                {left(time.Hour), Errorf(BadUpstream, "x"), BadUpstream},
		"nobody knows":                    {left(time.Hour), Errorf(Unknown, "x"), Unknown},
	} {
		if got := Of(Leaving(c.ctx, c.err)).Kind; got != c.want {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
	if err := Leaving(left(time.Hour), nil); err != nil {
		t.Errorf("a success: %v", err)
	}
}

func TestCrossHidesTheCauseAndNamesTheLayer(t *testing.T) {
	below := (&Error{Kind: Conflict, Code: "INVALID_FIELD", Err: errors.New("No such column 'Segmento'")}).Caused("botservice")
	e := Cross(fmt.Errorf("port-in: %w", below), "salesorder")
	want := []Cause{{"salesorder", "the state does not allow it"}, {"botservice", "the state does not allow it"}}
	if e.Err != nil || !reflect.DeepEqual(e.Trail, want) || e.Code != "INVALID_FIELD" {
		t.Errorf("crossed: %#v", e)
	}
	if below.Err == nil || len(below.Trail) != 1 {
		t.Error("crossing changed the error below")
	}
	if again := Cross(e, "subscription"); len(e.Trail) != 2 || len(again.Trail) != 3 {
		t.Errorf("second crossing: %v from %v", again.Trail, e.Trail)
	}
}

func TestRetryAfterHeader(t *testing.T) {
	for d, want := range map[time.Duration]string{0: "1", time.Millisecond: "1", time.Second: "1", time.Second + 1: "2", time.Minute: "60", -time.Second: "1"} {
		if got := RetryAfterHeader(d); got != want {
			t.Errorf("%v: %s, want %s", d, got, want)
		}
	}
}
