package fault

import (
	"bytes"
	"fmt"
	"maps"
	"net/http"
	"strconv"
	"time"
)

// answer is a response held back: an http.ResponseWriter for the system's handler, to be sent as a
// fault wants it.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// Header, WriteHeader and Write make an answer an http.ResponseWriter.
func (a *answer) Header() http.Header { return a.header }

// WriteHeader keeps the first status, as net/http does.
func (a *answer) WriteHeader(status int) {
	if a.status == 0 {
		a.status = status
	}
}

func (a *answer) Write(p []byte) (int, error) {
	a.WriteHeader(http.StatusOK)
	a.body = append(a.body, p...)
	return len(p), nil
}

// head copies the answer's status and fields to w.
func (a *answer) head(w http.ResponseWriter) {
	maps.Copy(w.Header(), a.header)
	w.Header().Set("Content-Length", strconv.Itoa(len(a.body)))
	a.WriteHeader(http.StatusOK)
	w.WriteHeader(a.status)
}

func (a *answer) send(w http.ResponseWriter) {
	if a.status != http.StatusNoContent && a.status != http.StatusNotModified {
		a.head(w)
		w.Write(a.body)
		return
	}
	maps.Copy(w.Header(), a.header)
	w.WriteHeader(a.status)
}

// drip sends the answer's head at once and its body byte by byte, one each period.
func (a *answer) drip(w http.ResponseWriter, left <-chan struct{}, period time.Duration) {
	if period == 0 {
		period = time.Second
	}
	out := http.NewResponseController(w)
	a.head(w)
	out.Flush()
	for i := range a.body {
		if !pause(left, period) {
			abort()
		}
		if _, err := w.Write(a.body[i : i+1]); err != nil {
			abort()
		}
		out.Flush()
	}
}

// whole is the answer as HTTP/1.1.
func (a *answer) whole() []byte { return a.wire(a.body, len(a.body)) }

// half is the answer as HTTP/1.1, its whole length announced but only half of the body there. An
// empty body is replaced, for it has no half.
func (a *answer) half() []byte {
	body := a.body
	if len(body) == 0 {
		body = []byte(`{"success":true}`)
	}
	return a.wire(body, len(body)/2)
}

func (a *answer) wire(body []byte, n int) []byte {
	a.WriteHeader(http.StatusOK)
	var b bytes.Buffer
	fmt.Fprintf(&b, "HTTP/1.1 %d %s\r\n", a.status, http.StatusText(a.status))
	h := a.header.Clone()
	h.Set("Content-Length", strconv.Itoa(len(body)))
	h.Write(&b)
	b.WriteString("\r\n")
	b.Write(body[:n])
	return b.Bytes()
}
