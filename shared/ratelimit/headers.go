package ratelimit

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// SetHeaders shows d to the caller; Headers returns the same as a new header.
//
// X-RateLimit-Limit, -Remaining and -Reset (seconds until more is allowed) are those of the limit
// that binds; RateLimit-Policy and RateLimit name all of them, as Lists of RFC 9651 Items
// (draft-ietf-httpapi-ratelimit-headers-10 §§3, 4): "client";q=1000;w=60 and "client";r=999;t=60.
// A refusal carries Retry-After; a decision of a replica's share carries X-RateLimit-Degraded.
// A second decision about the same request adds its limits, and takes the X- headers over when it
// binds more.
func SetHeaders(h http.Header, d Decision) {
	if len(d.PerLimit) == 0 {
		return
	}
	v := valuesOf(d)
	join(h, "Ratelimit-Policy", v[0:1:1])
	join(h, "Ratelimit", v[1:2:2])
	if d.Degraded {
		h["X-Ratelimit-Degraded"] = []string{"true"}
	}
	if !d.Allowed {
		h["Retry-After"] = []string{strconv.Itoa(max(seconds(d.RetryAfter), 1))}
	}
	if before := h["X-Ratelimit-Remaining"]; len(before) == 1 && d.Allowed {
		if n, err := strconv.Atoi(before[0]); err == nil && n <= d.Remaining {
			return
		}
	}
	h["X-Ratelimit-Limit"], h["X-Ratelimit-Remaining"], h["X-Ratelimit-Reset"] = v[2:3:3], v[3:4:4], v[4:5:5]
}

// Headers are those that show d to the caller.
func Headers(d Decision) http.Header {
	h := make(http.Header, 6)
	SetHeaders(h, d)
	return h
}

// valuesOf are the values of RateLimit-Policy, RateLimit, X-RateLimit-Limit, -Remaining and -Reset, parts
// of one text in one list: every answer has them.
func valuesOf(d Decision) *[5]string {
	var room [512]byte // most fit
	var ends [5]int
	b := appendPolicies(room[:0], d.PerLimit)
	ends[0] = len(b)
	b = appendStandings(b, d.PerLimit)
	ends[1] = len(b)
	for i, n := range [...]int{d.Limit.Requests, d.Remaining, seconds(d.Reset)} {
		b = strconv.AppendInt(b, int64(n), 10)
		ends[2+i] = len(b)
	}
	text, from, values := string(b), 0, new([5]string)
	for i, end := range ends {
		values[i], from = text[from:end], end
	}
	return values
}

func appendPolicies(b []byte, standings []Standing) []byte {
	for i, s := range standings {
		b = appendName(b, standings, i)
		b = strconv.AppendInt(append(b, ";q="...), int64(max(s.Limit.Requests, 0)), 10)
		b = strconv.AppendInt(append(b, ";w="...), int64(seconds(s.Limit.Window)), 10)
	}
	return b
}

func appendStandings(b []byte, standings []Standing) []byte {
	for i, s := range standings {
		b = appendName(b, standings, i)
		b = strconv.AppendInt(append(b, ";r="...), int64(s.Remaining), 10)
		b = strconv.AppendInt(append(b, ";t="...), int64(seconds(s.Reset)), 10)
	}
	return b
}

// appendName begins an Item. The draft forbids a name twice: limits that share one are told apart by
// their windows, "client-1", "client-60".
func appendName(b []byte, standings []Standing, i int) []byte {
	if i > 0 {
		b = append(b, ", "...)
	}
	limit := &standings[i].Limit
	b = appendText(append(b, '"'), limit.Name)
	if repeated(standings, limit.Name) {
		b = strconv.AppendInt(append(b, '-'), int64(seconds(limit.Window)), 10)
	}
	return append(b, '"')
}

func repeated(standings []Standing, name string) bool {
	n := 0
	for i := range standings {
		if standings[i].Limit.Name == name {
			n++
		}
	}
	return n > 1
}

// appendText appends what stands in an RFC 9651 §3.3.3 String; what it cannot hold becomes an underscore.
func appendText(b []byte, text string) []byte {
	for i := range len(text) {
		c := text[i]
		if c < ' ' || c > '~' || c == '"' || c == '\\' {
			c = '_'
		}
		b = append(b, c)
	}
	return b
}

// join adds value, a list of one, to what h has by that name.
func join(h http.Header, name string, value []string) {
	if before := h[name]; len(before) > 0 {
		value = []string{strings.Join(before, ", ") + ", " + value[0]}
	}
	h[name] = value
}

// seconds rounds up: a caller that waits that long has waited long enough.
func seconds(d time.Duration) int { return int((d + time.Second - 1) / time.Second) }
