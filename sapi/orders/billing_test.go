package orders

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestMinorUnits(t *testing.T) {
	for text, want := range map[string]int64{
		"85900.00": 8590000, "85900": 8590000, "85900.5": 8590050, "0": 0, "0.01": 1, "-0.01": -1, "-0": 0, "007.10": 710,
		"92233720368547758.07": math.MaxInt64,
	} {
		if got, ok := minorUnits(text, 2); !ok || got != want {
			t.Errorf("%s: %d %v", text, got, ok)
		}
	}
	for _, text := range []string{
		"", "-", ".", ".5", "5.", "5.001", "5.000", "1e3", "0x10", "+5", "--5", "5-", " 5", "5 ", "85,900.00", "85.900.00", "NaN", "٥",
		"92233720368547758.08", "99999999999999999999", "1\x00",
	} {
		if got, ok := minorUnits(text, 2); ok {
			t.Errorf("%q is %d", text, got)
		}
	}
}

func TestMinorUnitsAreExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.Int64Range(-math.MaxInt64, math.MaxInt64).Draw(t, "minor units")
		digits := rapid.IntRange(0, 4).Draw(t, "digits")
		sign, plain := "", fmt.Sprint(n)
		if n < 0 {
			sign, plain = "-", plain[1:]
		}
		plain = strings.Repeat("0", max(0, digits+1-len(plain))) + plain
		text := sign + plain[:len(plain)-digits]
		if digits > 0 {
			text += "." + plain[len(plain)-digits:]
		}
		if got, ok := minorUnits(text, digits); !ok || got != n {
			t.Fatalf("%s: %d %v", text, got, ok)
		}
	})
}
