package telemetry_test

import (
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/prometheus/client_golang/prometheus"
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

func TestMaskCountsCharacters(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := string(rapid.SliceOfN(rapid.SampledFrom([]byte("a0\xc3\xa9\xf0\x9f\x98\x80\xff")), 0, 40).Draw(t, "bytes"))
		runes := []rune(in)
		hidden := len(runes)
		if hidden >= 8 {
			hidden -= 4
		}
		if got, want := telemetry.Mask(in), strings.Repeat("*", hidden)+string(runes[hidden:]); got != want {
			t.Fatalf("Mask(%q) = %q, want %q", in, got, want)
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

func TestNoTraceHasNoHeaderAndItsChildBeginsOne(t *testing.T) {
	var none telemetry.Trace
	if got := none.Traceparent(); got != "" {
		t.Errorf("Traceparent of no trace: %q", got)
	}
	if _, ok := telemetry.ParseTraceparent(none.Child().Traceparent()); !ok {
		t.Error("the child of no trace is none")
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

func TestLogShowsWhatTerminalsObey(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		value := rapid.StringOf(rapid.SampledFrom([]rune("añ\u009b\u007f\u0085\u202e\u2066\u200b\n\x1b\"\\€"))).Draw(t, "value")
		var out bytes.Buffer
		telemetry.NewLogger(&out, "json", slog.LevelInfo).Info("m", "value", value)
		line := strings.TrimSuffix(out.String(), "\n")
		if strings.ContainsFunc(line, func(r rune) bool { return r != ' ' && !unicode.IsPrint(r) }) {
			t.Fatalf("shown as it is: %q", line)
		}
		var read struct{ Value string }
		if err := json.Unmarshal([]byte(line), &read); err != nil || read.Value != value {
			t.Fatalf("%q reads as %q, %v", line, read.Value, err)
		}
	})
	var out bytes.Buffer
	telemetry.NewLogger(&out, "text", slog.LevelInfo).Info("m", "value", "a\n\x1b[31m\u009b\u202e")
	if line := strings.TrimSuffix(out.String(), "\n"); strings.ContainsFunc(line, unicode.IsControl) || strings.Contains(line, "\u202e") {
		t.Errorf("text: %q", out.String())
	}
}

func TestMetricsHandlerShowsExemplarsAsOpenMetrics(t *testing.T) {
	reg := prometheus.NewRegistry()
	telemetry.RegisterRuntime(reg)
	took := prometheus.NewHistogram(prometheus.HistogramOpts{Name: "took_seconds"})
	reg.MustRegister(took)
	sampled, ok := telemetry.ParseTraceparent("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
	if !ok {
		t.Fatal("no trace")
	}
	telemetry.Observe(took, 1, sampled)
	telemetry.Observe(took, 1, telemetry.NewTrace()) // not sampled: nobody could look it up
	server := httptest.NewServer(telemetry.MetricsHandler(reg))
	defer server.Close()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Accept", "application/openmetrics-text; version=1.0.0")
	resp, err := server.Client().Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{`# {trace_id="0af7651916cd43dd8448eb211c80319c"} 1.0`, "go_goroutines ", "process_open_fds ", "# EOF"} {
		if !strings.Contains(string(body), want) {
			t.Errorf("no %s", want)
		}
	}
}

func TestMaskText(t *testing.T) {
	for in, want := range map[string]string{
		"":                                       "",
		"OM-1042":                                "OM-1042",
		"La línea SR-50452171 de 1.026.578.508":  "La línea SR-****2171 de *********.508",
		"El deco 001A.2B3C.4D5E no es de CS-905": "El deco **********4D5E no es de CS-905",
		"00:1a:2b:3c:4d:5e y 001A2B3C4D60":       "*************d:5e y ********4D60",
		strings.Repeat("ñ", 300):                 strings.Repeat("ñ", 200),
	} {
		if got := telemetry.MaskText(in); got != want {
			t.Errorf("MaskText(%q) = %q, want %q", in, got, want)
		}
	}
}
