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
	policies, standings := lists(d.PerLimit)
	join(h, "Ratelimit-Policy", policies)
	join(h, "Ratelimit", standings)
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
	values := [...]string{strconv.Itoa(d.Limit.Requests), strconv.Itoa(d.Remaining), strconv.Itoa(seconds(d.Reset))}
	h["X-Ratelimit-Limit"], h["X-Ratelimit-Remaining"], h["X-Ratelimit-Reset"] = values[:1:1], values[1:2:2], values[2:]
}

// Headers are those that show d to the caller.
func Headers(d Decision) http.Header {
	h := make(http.Header, 6)
	SetHeaders(h, d)
	return h
}

// lists are the values of RateLimit-Policy and RateLimit. The draft forbids a name twice: limits
// that share one are told apart by their windows, "client-1", "client-60".
func lists(standings []Standing) (policies, remaining string) {
	var room [2][256]byte // most lists fit
	p, r := room[0][:0], room[1][:0]
	for i, s := range standings {
		if i > 0 {
			p, r = append(p, ", "...), append(r, ", "...)
		}
		w := seconds(s.Limit.Window)
		p, r = appendName(p, s.Limit.Name), appendName(r, s.Limit.Name)
		if repeated(standings, s.Limit.Name) {
			p = strconv.AppendInt(append(p, '-'), int64(w), 10)
			r = strconv.AppendInt(append(r, '-'), int64(w), 10)
		}
		p = strconv.AppendInt(append(p, `";q=`...), int64(max(s.Limit.Requests, 0)), 10)
		p = strconv.AppendInt(append(p, ";w="...), int64(w), 10)
		r = strconv.AppendInt(append(r, `";r=`...), int64(s.Remaining), 10)
		r = strconv.AppendInt(append(r, ";t="...), int64(seconds(s.Reset)), 10)
	}
	return string(p), string(r)
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

// appendName opens an RFC 9651 §3.3.3 String; what it cannot hold becomes an underscore.
func appendName(b []byte, name string) []byte {
	b = append(b, '"')
	for i := range len(name) {
		c := name[i]
		if c < ' ' || c > '~' || c == '"' || c == '\\' {
			c = '_'
		}
		b = append(b, c)
	}
	return b
}

func join(h http.Header, name, value string) {
	if before := h[name]; len(before) > 0 {
		value = strings.Join(before, ", ") + ", " + value
	}
	h[name] = []string{value}
}

// seconds rounds up: a caller that waits that long has waited long enough.
func seconds(d time.Duration) int { return int((d + time.Second - 1) / time.Second) }
