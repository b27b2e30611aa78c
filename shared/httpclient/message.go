package httpclient

import (
	"bufio"
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httputil"
	"slices"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/net/http/httpguts"
)

// requestError is the fault of a request that cannot be sent as it is.
type requestError struct{ error }

func (e *requestError) Unwrap() error { return e.error }

func unsendable(format string, args ...any) error { return &requestError{fmt.Errorf(format, args...)} }

var (
	errLonger  = unsendable("the body is longer than its length")
	errShorter = unsendable("the body is shorter than its length")
)

// inline is how long a body may be to be rendered with the headers: the request then leaves in one
// write, can leave again, and a body that cannot be read has touched no connection.
const inline = 64 << 10

// message is a request as HTTP/1.1 writes it (RFC 9112).
type message struct {
	text []byte    // the headers and, if it is short, the body
	rest io.Reader // a longer body
	left int64     // its length, -1 if unknown
}

var messages = sync.Pool{New: func() any { return new(message) }}

// free allows another request the memory.
func (m *message) free() {
	if cap(m.text) <= 2*inline {
		m.text, m.rest = m.text[:0], nil
		messages.Put(m)
	}
}

func newMessage(t *trip) (*message, error) {
	m := messages.Get().(*message)
	method := cmp.Or(t.req.Method, http.MethodGet)
	err := m.head(t, method)
	if err == nil {
		err = m.body(t, method)
	}
	if err != nil {
		m.free()
		return nil, err
	}
	return m, nil
}

// head renders all but what the body decides.
func (m *message) head(t *trip, method string) error {
	u := t.req.URL
	switch {
	case u == nil || u.Host == "":
		return unsendable("no host in the URL")
	case u.Scheme != "http" && u.Scheme != "https":
		return unsendable("scheme %q is not spoken", u.Scheme)
	case !httpguts.ValidHeaderFieldName(method) || method == http.MethodConnect:
		return unsendable("method %q", method)
	case len(t.req.Trailer) > 0:
		return unsendable("trailers are not sent")
	}
	host, err := httpguts.PunycodeHostPort(cmp.Or(t.req.Host, u.Host))
	if err != nil || !httpguts.ValidHostHeader(host) {
		return unsendable("the host is not valid")
	}
	target := u.RequestURI()
	if strings.ContainsFunc(target, func(r rune) bool { return r <= ' ' || r == 0x7f }) {
		return unsendable("control characters or spaces in the URL")
	}
	b := append(m.text, method...)
	b = append(append(append(b, ' '), target...), " HTTP/1.1\r\n"...)
	b = line(b, "Host", withoutZone(host))
	if t.req.Close && t.header["Connection"] == nil {
		b = line(b, "Connection", "close")
	}
	for name, values := range t.header {
		if decided(name) {
			continue
		}
		if !httpguts.ValidHeaderFieldName(name) {
			return unsendable("the name of a header is not valid")
		}
		for _, value := range values {
			if !httpguts.ValidHeaderFieldValue(value) {
				return unsendable("the value of header %s is not valid", name)
			}
			b = line(b, name, value)
		}
	}
	m.text = b
	return nil
}

func line(b []byte, name, value string) []byte {
	b = append(append(b, name...), ": "...)
	return append(append(b, value...), "\r\n"...)
}

// decided reports whether a header is ours to write, from the request's URL and its body.
func decided(name string) bool {
	switch len(name) {
	case len("Host"):
		return strings.EqualFold(name, "Host")
	case len("Trailer"):
		return strings.EqualFold(name, "Trailer")
	case len("Content-Length"):
		return strings.EqualFold(name, "Content-Length")
	case len("Transfer-Encoding"):
		return strings.EqualFold(name, "Transfer-Encoding")
	}
	return false
}

// withoutZone cuts the zone of an IPv6 address, which means nothing elsewhere (RFC 6874 §4).
func withoutZone(host string) string {
	from, to := strings.IndexByte(host, '%'), strings.LastIndexByte(host, ']')
	if !strings.HasPrefix(host, "[") || from < 0 || to < from {
		return host
	}
	return host[:from] + host[to:]
}

// body ends the headers and renders the body, or leaves it to stream.
func (m *message) body(t *trip, method string) error {
	length := t.req.ContentLength
	switch {
	case t.body == nil && length > 0:
		return unsendable("a length of %d, and no body", length)
	case t.body == nil || t.body == http.NoBody:
		m.length(0, method)
		return nil
	case length > inline:
		m.length(length, method)
		m.rest, m.left = source{t.body}, length
		return nil
	case length > 0:
		m.length(length, method)
		return m.short(t.body, int(length))
	}
	start, err := io.ReadAll(io.LimitReader(source{t.body}, inline+1)) // length unknown: it may be short all the same
	if err != nil {
		return err
	}
	if len(start) <= inline {
		m.length(int64(len(start)), method)
		m.text = append(m.text, start...)
		return nil
	}
	m.text = append(m.text, "Transfer-Encoding: chunked\r\n\r\n"...)
	m.rest, m.left = io.MultiReader(bytes.NewReader(start), source{t.body}), -1
	return nil
}

// length ends the headers. Without a body it is told where one would be expected (RFC 9110 §8.6).
func (m *message) length(n int64, method string) {
	if n > 0 || method == http.MethodPost || method == http.MethodPut || method == http.MethodPatch {
		m.text = append(m.text, "Content-Length: "...)
		m.text = strconv.AppendInt(m.text, n, 10)
		m.text = append(m.text, "\r\n"...)
	}
	m.text = append(m.text, "\r\n"...)
}

// short renders a body of length bytes.
func (m *message) short(body io.Reader, length int) error {
	end := len(m.text) + length
	m.text = slices.Grow(m.text, length+1) // one more, so that the end is seen
	for {
		n, err := body.Read(m.text[len(m.text) : end+1])
		m.text = m.text[:len(m.text)+n]
		switch {
		case len(m.text) > end:
			return errLonger
		case err == io.EOF && len(m.text) < end:
			return errShorter
		case err == io.EOF:
			return nil
		case err != nil:
			return &requestError{err}
		}
	}
}

// ends checks that a body is no longer than it was said to be.
func ends(body io.Reader) error {
	n, err := io.CopyN(io.Discard, body, 1)
	if n > 0 {
		return errLonger
	}
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// stream writes the body that did not fit.
func (m *message) stream(w io.Writer) error {
	if m.left >= 0 {
		_, err := io.CopyN(w, m.rest, m.left)
		if err == io.EOF {
			return errShorter
		}
		if err != nil {
			return err
		}
		return ends(m.rest)
	}
	buffered := bufio.NewWriterSize(w, inline)
	chunks := httputil.NewChunkedWriter(buffered)
	if _, err := io.Copy(chunks, m.rest); err != nil {
		return err
	}
	if err := chunks.Close(); err != nil {
		return err
	}
	if _, err := buffered.WriteString("\r\n"); err != nil { // no trailers
		return err
	}
	return buffered.Flush()
}

// source is a body whose errors are told from those of the network.
type source struct{ io.Reader }

func (s source) Read(p []byte) (int, error) {
	n, err := s.Reader.Read(p)
	if err != nil && err != io.EOF {
		err = &requestError{err}
	}
	return n, err
}
