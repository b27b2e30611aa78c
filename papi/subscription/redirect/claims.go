package redirect

import (
	"errors"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// separator stands between the parts; no part can hold it.
const separator = "#"

// tracking is the rule for tid, §7.1.
var tracking = regexp.MustCompile(`^[A-Za-z0-9._~-]{0,64}$`)

// text is the plaintext of claims.
func (p Profile) text(c Claims) ([]byte, error) {
	switch {
	case !digits(c.MSISDN) || !p.MSISDN(c.MSISDN):
		return nil, errors.New("msisdn: must be a number of the country")
	case c.ProductID <= 0:
		return nil, errors.New("productId: must be above 0")
	case !tracking.MatchString(c.TID):
		return nil, errors.New("tid: must match " + tracking.String())
	case !p.Untimed && c.At.UnixMilli() <= 0:
		return nil, errors.New("at: must be after 1970")
	}
	parts := []string{c.MSISDN, strconv.FormatInt(c.ProductID, 10), c.TID}
	if !p.Untimed {
		parts = append(parts, strconv.FormatInt(c.At.UnixMilli(), 10))
	}
	return []byte(strings.Join(parts, separator)), nil
}

// parse reads a plaintext: exactly as many parts as the profile has, each in the one form in which it is written.
func (p Profile) parse(plain string) (Claims, bool) {
	parts := strings.Split(plain, separator)
	want := 4
	if p.Untimed {
		want = 3
	}
	if len(parts) != want {
		return Claims{}, false
	}
	product, ok := positive(parts[1])
	if !ok || !digits(parts[0]) || !p.MSISDN(parts[0]) || !tracking.MatchString(parts[2]) {
		return Claims{}, false
	}
	c := Claims{MSISDN: parts[0], ProductID: product, TID: parts[2]}
	if !p.Untimed {
		ms, ok := positive(parts[3])
		if !ok {
			return Claims{}, false
		}
		c.At = time.UnixMilli(ms)
	}
	return c, true
}

// fresh reports whether a token of that moment may still be used. The skew is for a clock that ran ahead where
// the token was made; it does not lengthen the token's life.
func (p Profile) fresh(at, now time.Time) bool {
	if p.Untimed {
		return true
	}
	return !now.After(at.Add(p.Age)) && !at.After(now.Add(p.Skew))
}

// positive reads a number above 0 without sign and leading zeros.
func positive(s string) (int64, bool) {
	n, err := strconv.ParseInt(s, 10, 64)
	return n, err == nil && n > 0 && strconv.FormatInt(n, 10) == s
}

func digits(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}
