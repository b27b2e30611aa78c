package contract

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"strconv"
)

// numberRule is what a number must keep.
type numberRule struct {
	integer            bool
	bits               int     // of the integer type it must fit: 32, 64; 0: any
	min, max           float64 // ±Inf: no limit; within ±maxExact, so that comparing loses nothing
	aboveMin, belowMax bool    // the limits themselves are excluded
	multiple           int64   // 0: any
	enum               []float64
	choices            string // enum as people read it
}

// maxExact bounds the whole numbers that a float64 holds with their neighbours: 2^53 − 1.
const maxExact = 1<<53 - 1

// check reports each rule that a JSON number breaks. Whole numbers written as such are exact up to 64
// bits; other numbers are the nearest float64, as for kin-openapi.
func (r *numberRule) check(raw []byte, broken func(rule string)) {
	i, exact := parseInt(raw)
	f := float64(i)
	if !exact {
		var err error
		if f, err = strconv.ParseFloat(string(raw), 64); err != nil {
			broken("is out of the range of numbers")
			return
		}
	}
	if r.integer && f != math.Trunc(f) {
		broken("must be an integer")
	}
	switch r.bits {
	case 32:
		if f < math.MinInt32 || f > math.MaxInt32 {
			broken("must fit 32 bits")
		}
	case 64:
		if !exact && (f < math.MinInt64 || f >= -math.MinInt64 || !bytes.ContainsAny(raw, ".eE")) {
			broken("must fit 64 bits")
		}
	}
	switch {
	case f == r.min && r.aboveMin:
		broken("must be more than " + decimal(r.min))
	case f < r.min:
		broken("must be at least " + decimal(r.min))
	case f == r.max && r.belowMax:
		broken("must be less than " + decimal(r.max))
	case f > r.max:
		broken("must be at most " + decimal(r.max))
	}
	if r.multiple != 0 && (exact && i%r.multiple != 0 || !exact && math.Mod(f, float64(r.multiple)) != 0) {
		broken(fmt.Sprintf("must be a multiple of %d", r.multiple))
	}
	if r.enum != nil && !slices.Contains(r.enum, f) {
		broken("must be one of " + r.choices)
	}
}

// parseInt is a JSON number that is written as a whole number and fits 64 bits.
func parseInt(raw []byte) (int64, bool) {
	digits := raw
	if raw[0] == '-' {
		digits = raw[1:]
	}
	var n int64
	if len(digits) > 18 {
		n, err := strconv.ParseInt(string(raw), 10, 64)
		return n, err == nil
	}
	for _, d := range digits {
		if d < '0' || d > '9' {
			return 0, false
		}
		n = n*10 + int64(d-'0')
	}
	if len(digits) < len(raw) {
		n = -n
	}
	return n, true
}

// decimal writes a number without an exponent.
func decimal(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }
