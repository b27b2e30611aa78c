package httpclient

import (
	"net/http"
	"strconv"
	"time"

	"puente/shared/problem"
)

// StatusError is what the status of a system's answer means to our caller, nil for 2xx. A status
// that blames our request or our credentials is BadUpstream: the caller of ours can do nothing
// about it.
func StatusError(resp *http.Response, system string) *problem.Error {
	status := resp.StatusCode
	if status >= 200 && status < 300 {
		return nil
	}
	e := problem.Errorf(problem.BadUpstream, "%s answered %d", system, status)
	switch status {
	case http.StatusNotFound:
		e.Kind = problem.NotFound
	case http.StatusConflict:
		e.Kind = problem.Conflict
	case http.StatusBadRequest, http.StatusUnprocessableEntity:
		e.Kind = problem.Rejected
	case http.StatusTooManyRequests:
		e.Kind = problem.Unavailable
		e.RetryAfter, _ = RetryAfter(resp.Header, time.Now())
		e.RetryAfter = max(e.RetryAfter, time.Second)
	}
	return e.Caused(system)
}

// RetryAfter reads a Retry-After header: seconds or a date (RFC 9110 §10.2.3), at most a day.
func RetryAfter(h http.Header, now time.Time) (time.Duration, bool) {
	value := h.Get("Retry-After")
	if value == "" {
		return 0, false
	}
	var d time.Duration
	if seconds, err := strconv.ParseUint(value, 10, 31); err == nil {
		d = time.Duration(seconds) * time.Second
	} else if at, err := http.ParseTime(value); err == nil {
		d = max(0, at.Sub(now))
	} else {
		return 0, false
	}
	return min(d, 24*time.Hour), true
}
