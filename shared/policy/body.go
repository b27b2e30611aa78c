package policy

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"time"

	"puente/shared/contract"
	"puente/shared/envelope"
	"puente/shared/problem"
)

// body reads the body once, and holds it, the path, the query and the headers against the
// contract. It costs one pass over the body; an envelope costs a second one over its header.
func (e *Edge) body(x *Exchange) {
	op := x.Route.Operation
	given := query(x.Request.URL)
	if op.FoldQuery && len(given) > 0 {
		given = op.Params.Respell(given)
		x.Request.URL.RawQuery = given.Encode() // for whoever decodes the input
	}
	if broken := op.Params.Read(x.Param, given, x.Request.Header); len(broken) > 0 {
		fault := ParamFault(broken, x.Route.NotFound)
		if errors.Is(fault, problem.NotFound) { // routing, not policy: no mode lets it pass
			x.refusedBy = Body
			x.Refuse(fault)
			return
		}
		if !x.judge(Body, fault) {
			return
		}
	}
	if op.MediaType == "" {
		x.read = true
		x.next()
		return
	}
	raw, err := readInTime(x, op)
	if err != nil { // what was not read cannot be judged in shadow
		x.refusedBy = Body
		x.SetHeader("Connection", "close")
		x.Refuse(err)
		return
	}
	x.read = true
	err = x.check(raw)
	if x.Header.Correlation != "" && wellFormed(x.Header.Correlation) {
		x.correlation = x.Header.Correlation // a refusal is found under it, too
	}
	if x.Body == nil { // not JSON, ambiguous, an envelope around nothing, or none where there must be one: in no mode is there anything to go on with
		x.refusedBy = Body
		x.Refuse(err)
		return
	}
	if x.judge(Body, err) {
		x.next()
	}
}

// query is u's, without a map where there is none.
func query(u *url.URL) url.Values {
	if u.RawQuery == "" {
		return nil
	}
	return u.Query()
}

// check makes x.Body of raw; its error names each field and the rule it breaks.
func (x *Exchange) check(raw []byte) error {
	op := x.Route.Operation
	x.Body = raw
	var broken []problem.Field
	switch {
	case op.Form:
		if x.Body, broken = contract.ReadForm(raw, contract.Limits{}); x.Body == nil {
			return &problem.Error{Kind: problem.Invalid, Fields: broken}
		}
	case op.EnvelopeRequired:
		if x.Header, x.Body, broken = envelope.Require(raw); len(broken) > 0 {
			return &problem.Error{Kind: problem.Invalid, Fields: broken}
		}
	case op.Envelope:
		x.Header, x.Body, broken = envelope.Open(raw)
	}
	if op.Body != nil && x.Body != nil {
		canonical, inside := op.Body.Read(x.Body, contract.Limits{})
		x.Body = canonical
		if len(broken) == 0 { // what is inside a broken envelope is told once that is mended
			broken = inside
		}
	}
	if len(broken) > 0 {
		return &problem.Error{Kind: problem.Invalid, Fields: broken}
	}
	return nil
}

// ParamFault is the error of broken parameters: NotFound where the path names something that the
// contract does not know, for an enumerated path parameter is part of the route.
func ParamFault(broken []problem.Field, notFound string) error {
	for _, f := range broken {
		if len(f.Path) > 5 && f.Path[:5] == "path." {
			return &problem.Error{Kind: problem.NotFound, Code: notFound, Err: errors.New("no such operation")}
		}
	}
	return &problem.Error{Kind: problem.Invalid, Fields: broken}
}

// readInTime reads the body within the request's deadline: one that drips has no more time than
// that. A writer that knows no deadlines is bounded by the server's own.
func readInTime(x *Exchange, op *contract.Operation) ([]byte, error) {
	if end, ok := x.ctx.Deadline(); ok {
		connection := http.NewResponseController(x.writer)
		_ = connection.SetReadDeadline(end)
		defer func() { _ = connection.SetReadDeadline(time.Time{}) }()
	}
	return readBody(x.Request, op)
}

// isMedia reports whether a Content-Type is of a media type, whatever its parameters; but a charset that
// is named must be the one that bodies are read in.
func isMedia(contentType, media string) bool {
	if contentType == media {
		return true
	}
	given, parameters, err := mime.ParseMediaType(contentType)
	charset, named := parameters["charset"]
	return err == nil && given == media && (!named || strings.EqualFold(charset, "utf-8"))
}

func readBody(r *http.Request, op *contract.Operation) ([]byte, error) {
	if !isMedia(r.Header.Get("Content-Type"), op.MediaType) || r.Header.Get("Content-Encoding") != "" {
		return nil, &problem.Error{Kind: problem.UnsupportedMedia}
	}
	size := r.ContentLength
	if size > op.MaxBody {
		return nil, problem.TooLarge
	}
	if size < 0 {
		size = 1024
	}
	body := make([]byte, 0, size+1)
	for {
		n, err := r.Body.Read(body[len(body):cap(body)])
		body = body[:len(body)+n]
		if int64(len(body)) > op.MaxBody {
			return nil, problem.TooLarge
		}
		if errors.Is(err, io.EOF) {
			return body, nil
		}
		if err != nil {
			return nil, &problem.Error{Kind: problem.Invalid, Fields: []problem.Field{{Path: "body", Rule: "must be sent completely", Breach: problem.Unreadable}}, Err: err}
		}
		if len(body) == cap(body) {
			body = append(body, 0)[:len(body)]
		}
	}
}
