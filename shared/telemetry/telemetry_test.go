package telemetry_test

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"

	"puente/shared/telemetry"
)

func TestMaskShowsFourCharactersAtMost(t *testing.T) {
	for in, want := range map[string]string{
		"3000000019": "******0019", "": "", "1234567": "*******", "12345678": "****5678", "+573000000019": "*********0019",
	} {
		if got := telemetry.Mask(in); got != want {
			t.Errorf("Mask(%q) = %q, want %q", in, got, want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		in := rapid.String().Draw(t, "value")
		masked := telemetry.Mask(in)
		visible := strings.TrimLeft(masked, "*")
		if n := utf8.RuneCountInString(visible); n > 4 || n == utf8.RuneCountInString(in) && n > 0 {
			t.Fatalf("Mask(%q) shows %q", in, visible)
		}
	})
}

func TestTraceparent(t *testing.T) {
	const good = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
	trace, ok := telemetry.ParseTraceparent(good)
	if !ok || trace.Traceparent() != good || !trace.Sampled {
		t.Fatalf("ParseTraceparent(%q) = %+v, %v", good, trace, ok)
	}
	for _, bad := range []string{
		"", "00", good[:54], good + "-", strings.ToUpper(good), "ff" + good[2:],
		"00-00000000000000000000000000000000-b7ad6b7169203331-01", "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
		"00_0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", good[:53] + "zz",
	} {
		if _, ok := telemetry.ParseTraceparent(bad); ok {
			t.Errorf("ParseTraceparent(%q) accepted it", bad)
		}
	}
	if _, ok := telemetry.ParseTraceparent("01" + good[2:] + "-more"); !ok {
		t.Error("a later version with more fields was refused")
	}
	rapid.Check(t, func(t *rapid.T) {
		in := telemetry.Trace{Sampled: rapid.Bool().Draw(t, "sampled")}
		copy(in.ID[:], rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "id"))
		copy(in.Span[:], rapid.SliceOfN(rapid.Byte(), 8, 8).Draw(t, "span"))
		in.ID[0] |= 1
		in.Span[0] |= 1
		if out, ok := telemetry.ParseTraceparent(in.Traceparent()); !ok || out != in {
			t.Fatalf("%+v became %+v", in, out)
		}
	})
}

func TestChildKeepsTheTrace(t *testing.T) {
	parent := telemetry.NewTrace()
	child := parent.Child()
	if child.ID != parent.ID || child.Span == parent.Span {
		t.Errorf("child %+v of %+v", child, parent)
	}
}

func TestLogLinesAreOneJSONObjectEach(t *testing.T) {
	var out bytes.Buffer
	ctx := telemetry.WithTrace(telemetry.WithCorrelation(t.Context(), "TIENDA-1"), telemetry.NewTrace())
	telemetry.NewLogger(&out, "json", slog.LevelInfo).InfoContext(ctx, "request", "value", "a\n{\"level\":\"ERROR\"}\x1b[31m")
	if strings.Count(out.String(), "\n") != 1 || strings.Contains(out.String(), "\x1b") {
		t.Fatalf("the value broke the line: %q", out.String())
	}
	var line map[string]any
	if err := json.Unmarshal(out.Bytes(), &line); err != nil {
		t.Fatal(err)
	}
	if line["correlation_id"] != "TIENDA-1" || len(line["trace_id"].(string)) != 32 {
		t.Errorf("line %v", line)
	}
}
