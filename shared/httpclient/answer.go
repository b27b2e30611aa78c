package httpclient

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"puente/shared/problem"
)

var errTooLarge = errors.New("the answer is larger than allowed")

// answerLimit reads the body, whole, into bounded memory. An encoded body is refused unread: we
// asked for none, and a few hundred kilobytes of gzip inflate to gigabytes.
func (o *operation) answerLimit(next link) link {
	return func(c *call) (*http.Response, *fault) {
		resp, f := next(c)
		if f != nil {
			return nil, f
		}
		wire := resp.Body
		defer func() { _ = wire.Close() }() // read to its end or given up: nothing to learn
		if resp.StatusCode == http.StatusSwitchingProtocols {
			return nil, refusal("the answer switches protocols")
		}
		body, f := o.body(c, resp)
		if f != nil && (!o.config.StatusAlone || resp.StatusCode/100 == 2) {
			return nil, f
		}
		if f != nil {
			body = nil
			resp.Header.Del("Content-Encoding")
		}
		c.answer.body = body
		resp.Body, resp.ContentLength = &c.answer, int64(len(body))
		return resp, nil
	}
}

// body reads that of an answer.
func (o *operation) body(c *call, resp *http.Response) ([]byte, *fault) {
	if encoding := resp.Header.Get("Content-Encoding"); encoding != "" && !strings.EqualFold(encoding, "identity") {
		return nil, refusal("the answer is encoded, against our wish")
	}
	length := resp.ContentLength
	if c.req.Method == http.MethodHead {
		length = 0 // it speaks of a body that is not sent
	}
	body, err := readBounded(resp.Body, length, o.config.MaxResponse)
	switch {
	case errors.Is(err, errTooLarge):
		return nil, refusal(err.Error())
	case err != nil:
		return nil, o.blame(c, err)
	}
	return body, nil
}

func refusal(text string) *fault {
	return &fault{reason: reasonLimit, kind: problem.BadUpstream, err: errors.New(text), sent: true, counts: true}
}

// readBounded reads r to its end, which must come within limit bytes. length is what r is said to
// hold, -1 if nothing was said; memory is taken as bytes arrive, not as they are promised.
func readBounded(r io.Reader, length, limit int64) ([]byte, error) {
	if length > limit {
		return nil, fmt.Errorf("%w: %d bytes promised", errTooLarge, length)
	}
	const least, most = 512, 64 << 10
	size := int64(least)
	if length >= 0 {
		size = min(length+1, most) // one more, so that the end is seen without growing
	}
	body := make([]byte, 0, size)
	for {
		if len(body) == cap(body) {
			body = append(body, 0)[:len(body)]
		}
		n, err := r.Read(body[len(body):cap(body)])
		body = body[:len(body)+n]
		switch {
		case int64(len(body)) > limit:
			return nil, errTooLarge
		case err == io.EOF:
			return body, nil
		case err != nil:
			return nil, err
		}
	}
}

// answer is a body that lies in memory.
type answer struct {
	body []byte
	at   int
}

func (a *answer) Read(p []byte) (int, error) {
	if a.at >= len(a.body) {
		return 0, io.EOF
	}
	n := copy(p, a.body[a.at:])
	a.at += n
	return n, nil
}

// WriteTo saves io.Copy its buffer.
func (a *answer) WriteTo(w io.Writer) (int64, error) {
	n, err := w.Write(a.rest())
	return int64(n), err
}

func (a *answer) Close() error { return nil }

func (a *answer) rest() []byte {
	rest := a.body[a.at:]
	a.at = len(a.body)
	return rest
}
