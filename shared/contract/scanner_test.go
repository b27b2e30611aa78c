package contract

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// asShown is a masked body, and behind it what Key was told.
func asShown(mask func(with Masking) []byte) string {
	var told []string
	with := testMasking
	with.Key = func(name, value string) { told = append(told, fmt.Sprintf("%s=%q", name, value)) }
	return fmt.Sprintf("%s %s", mask(with), told)
}

// differently is what Mask makes of a body where it is not what the decoder alone makes of it.
func differently(c *Check, body []byte) string {
	got := asShown(func(with Masking) []byte { return c.Mask([]byte(">"), body, with) })
	want := asShown(func(with Masking) []byte {
		m := masker{with: with}
		return m.decode(c.root, []byte(">"), body)
	})
	if got != want {
		return fmt.Sprintf("masked as\n%s\nthe decoder has\n%s", got, want)
	}
	return ""
}

var spices = []string{
	" ", "\n\t", ",", ":", "{", "}", "[", "]", `"`, `\`, `\"`, `\n`, `\u0041`, `\ud800`, `\x`, "\x00", "\x1f", "\x7f", "é", "\xff", "😀",
	"0", "00", "-", "1e", "1.5E+2", "-0", ".", "true", "nul", "null", `"a":1,`, `{"a":[`, `1 2`,
}

// Whatever is sent, Mask does the same whether the scanner reads it or the decoder.
func TestMaskIsTheSameWithoutTheScanner(t *testing.T) {
	all := append(subjects(t), subject{name: "masked", check: masked(t)})
	rapid.Check(t, func(t *rapid.T) {
		s := all[rapid.IntRange(0, len(all)-1).Draw(t, "subject")]
		body := drawBody(t, s.check.schema, 0)
		for range rapid.IntRange(0, 3).Draw(t, "spices") {
			at := rapid.IntRange(0, len(body)).Draw(t, "at")
			upTo := min(len(body), at+rapid.IntRange(0, 2).Draw(t, "less"))
			body = body[:at] + rapid.SampledFrom(spices).Draw(t, "spice") + body[upTo:]
		}
		if d := differently(s.check, []byte(body)); d != "" {
			t.Fatalf("%s: %q\n%s", s.name, body, d)
		}
	})
}

func FuzzMask(f *testing.F) {
	check := masked(f)
	for _, spice := range spices {
		f.Add([]byte(`{"phone": "3000000019", "id":1, "others":["x` + spice + `"], "friend":{"lines":{"a":"b"}}, "any":` + spice + `}`))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		if d := differently(check, body); d != "" {
			t.Errorf("%q\n%s", body, d)
		}
	})
}

// The scanner is worth having only where it is sure of the bodies there are.
func TestScannerReadsEveryExample(t *testing.T) {
	var examples int
	for _, s := range subjects(t) {
		if !strings.Contains(s.name, "contracts") { // names are odd on purpose
			continue
		}
		for _, body := range s.examples {
			m := masker{scanned: scanner{text: body}}
			m.from = &m.scanned
			if !m.value(s.check.root) || !m.from.end() {
				t.Errorf("%s: not sure of %s", s.name, body)
			}
			examples++
		}
	}
	if examples == 0 {
		t.Error("no examples")
	}
}
