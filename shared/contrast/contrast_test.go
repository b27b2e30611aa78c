package contrast

import (
	"math"
	"testing"
)

// The figures are those of WCAG's own tools, of two decimals.
func TestRatio(t *testing.T) {
	for _, test := range []struct {
		a, b string
		want float64
	}{
		{"#000000", "#ffffff", 21},
		{"#ffffff", "#ffffff", 1},
		{"#000000", "#000000", 1},
		{"#777777", "#ffffff", 4.48},
		{"#767676", "#ffffff", 4.54},
		{"#ff0000", "#ffffff", 4.00},
		{"#FFFFFF", "#0000FF", 8.59},
		{"#00ff00", "#000000", 15.30},
		{"#0a0a0a", "#000000", 1.06}, // below the bend
	} {
		a, b := Parse(test.a), Parse(test.b)
		if got := Ratio(a, b); math.Abs(got-test.want) > 0.006 || got != Ratio(b, a) {
			t.Errorf("%s on %s: %.3f, not %.2f", test.a, test.b, got, test.want)
		}
	}
}

func TestParse(t *testing.T) {
	for colour, want := range map[string]RGB{"#000000": {}, "#ffffff": {255, 255, 255}, "#12ABef": {0x12, 0xab, 0xef}} {
		if got := Parse(colour); got != want {
			t.Errorf("%s: %v", colour, got)
		}
	}
}
