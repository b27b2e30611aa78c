package admin

import (
	"errors"
	"strings"
	"time"
)

// Duration is a time.Duration that specs write as text: "1m", "1h30m".
type Duration time.Duration

// MarshalText writes the shortest form: 1m0s is 1m, 1h0m0s is 1h.
func (d Duration) MarshalText() ([]byte, error) {
	s := time.Duration(d).String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return []byte(s), nil
}

// UnmarshalText reads what time.ParseDuration reads; the error does not repeat the text.
func (d *Duration) UnmarshalText(text []byte) error {
	v, err := time.ParseDuration(string(text))
	if err != nil {
		return errors.New("not a duration such as 30s, 5m or 1h30m")
	}
	*d = Duration(v)
	return nil
}
