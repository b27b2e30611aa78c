package httpclient

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"puente/shared/problem"
)

// JSON is one operation of a system that takes and answers JSON.
type JSON struct {
	// Refusal reads an answer that is neither 2xx nor 429, nor 404 to a GET, in the system's own terms. It
	// returns nil where there is nothing to read; may be nil.
	Refusal func(status int, text []byte) error

	// Absent reports whether the text of a 404 to a GET is the system's own word that it has nothing. A
	// gateway before it says 404 in JSON, too, of a path that it does not know. nil: all JSON is believed,
	// and no text at all.
	Absent func(text []byte) bool

	out    http.RoundTripper
	system string
	method string
	base   string
	path   []string // cut where a call puts a value
}

// JSON is the way to one operation, as Operation is, with the work around it. pattern is a method and a
// path below the target's URL, where {} stands for a value of the call: GET /om/v1/ordenes/{}.
func (c *Client) JSON(name string, mode Mode, pattern string) *JSON {
	method, path, _ := strings.Cut(pattern, " ")
	return &JSON{out: c.Operation(name, mode), system: c.target, method: method, base: c.URL(), path: strings.Split(path, "{}")}
}

// Ask is what differs from call to call.
type Ask struct {
	Path  []string   // a value for each {} of the pattern
	Query url.Values // nil: none
	Body  any        // nil: none
}

// Call sends one request and decodes a success into answer; where answer is nil, a success has no body.
// Of other answers only two say something to our caller: 404 to a GET is NotFound, and 429 Unavailable.
// All else, 4xx included, is BadUpstream: the request was made here, and its caller can do nothing about
// it.
func (j *JSON) Call(ctx context.Context, ask Ask, answer any) error {
	req, err := j.request(ctx, ask)
	if err != nil {
		return err
	}
	resp, err := j.out.RoundTrip(req)
	if err != nil {
		return err
	}
	text, err := ReadAll(resp)
	if err != nil {
		return err
	}
	if e := StatusError(resp, j.system); e != nil {
		return j.failure(e, resp.StatusCode, text)
	}
	if answer == nil {
		if len(bytes.TrimSpace(text)) > 0 { // a page with status 200 comes from something before the system
			return problem.Errorf(problem.BadUpstream, "%s: the answer has %d bytes where none should be", j.system, len(text)).Caused(j.system)
		}
		return nil
	}
	if err := json.Unmarshal(text, answer); err != nil {
		return problem.Errorf(problem.BadUpstream, "%s: the answer is not what it should be at byte %d of %d", j.system, offset(err), len(text)).Caused(j.system)
	}
	return nil
}

func (j *JSON) request(ctx context.Context, ask Ask) (*http.Request, error) {
	address := j.base + j.path[0]
	for i, value := range ask.Path {
		if value == "" || value == "." || value == ".." { // not a name, whatever it is escaped to
			return nil, problem.Errorf(problem.NotFound, "%s: value %d of the path names nothing", j.system, i+1)
		}
		address += url.PathEscape(value) + j.path[i+1]
	}
	if len(ask.Query) > 0 {
		address += "?" + ask.Query.Encode()
	}
	var body io.Reader
	if ask.Body != nil {
		text, err := json.Marshal(ask.Body)
		if err != nil {
			return nil, fmt.Errorf("%s: encode request: %w", j.system, err)
		}
		body = bytes.NewReader(text)
	}
	req, err := http.NewRequestWithContext(ctx, j.method, address, body)
	if err != nil {
		return nil, problem.Errorf(problem.Internal, "%s: the request has no valid URL", j.system) // its text would repeat the values
	}
	req.Header.Set("Accept", "application/json")
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	return req, nil
}

// failure is the error of an answer that is no success; e is what its status alone means.
func (j *JSON) failure(e *problem.Error, status int, text []byte) error {
	switch {
	case status == http.StatusTooManyRequests:
		return e
	case status == http.StatusNotFound && j.method == http.MethodGet:
		absent := j.Absent
		if absent == nil {
			absent = plausible
		}
		if absent(text) {
			return e
		}
	case j.Refusal != nil:
		if err := j.Refusal(status, text); err != nil {
			return err
		}
	}
	return problem.Errorf(problem.BadUpstream, "%s answered %d", j.system, status).Caused(j.system)
}

// plausible is false of a page in HTML, which comes from something before the system and says nothing of
// what the system has.
func plausible(text []byte) bool {
	return len(bytes.TrimSpace(text)) == 0 || jsontext.Value(text).IsValid()
}

// offset is where decoding failed. The decoder's own text may quote the answer, and an answer may hold
// personal data.
func offset(err error) int64 {
	var semantic *json.SemanticError
	var syntactic *jsontext.SyntacticError
	switch {
	case errors.As(err, &semantic):
		return semantic.ByteOffset
	case errors.As(err, &syntactic):
		return syntactic.ByteOffset
	}
	return 0
}
