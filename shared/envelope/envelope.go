// Package envelope reads WSRequestHeader and WSRequestBody, the envelope that callers put around
// a request's body. Names match without regard to ASCII case, as published tables and published
// samples differ and clients of both kinds exist; two names that are then the same are refused.
package envelope

import (
	"bytes"
	_ "embed"
	"slices"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"puente/shared/contract"
	"puente/shared/problem"
)

// Header is the caller context that an envelope holds.
type Header struct {
	System      string // WSRequestHeader.System.name
	Correlation string // WSRequestHeader.System.correlationID
	Channel     string // WSRequestBody.Audit.Canal
	Enveloped   bool   // whether there was an envelope at all

	// What answers echo and nobody acts on.
	ProcessingServer *string          // as sent; nil: null or absent
	Property         []jsontext.Value // each as sent, whatever its spelling; nil: none
}

const (
	headerName = "WSRequestHeader"
	bodyName   = "WSRequestBody"
	auditName  = "Audit"
)

//go:embed envelope.yaml
var document []byte

// whole checks an envelope, audited a body for what Open reads of it.
var whole, audited = checks()

func checks() (whole, audited *contract.Check) {
	doc, err := contract.Load(document)
	if err != nil { // the document is embedded above: cannot happen
		panic(err)
	}
	return doc.Operation("envelope").Body, doc.Operation("body").Body
}

// Open takes the envelope off a body that may have one. A body without is returned as it is: what
// is not an envelope is the contract's to judge. body aliases raw, or what raw is with its names
// folded; what is inside it is the contract's, too.
//
// What is wrong with an envelope is told by broken. Where it can be read in one way all the same, it is
// opened as far as that goes, for a policy that only watches; where it cannot, because it is ambiguous or
// holds no body, body is nil.
func Open(raw []byte) (h Header, body []byte, broken []problem.Field) {
	if !mentions(raw, headerName) && !mentions(raw, bodyName) {
		return h, raw, nil
	}
	canonical, broken := whole.Read(raw, contract.Limits{})
	if canonical == nil { // not JSON, beyond its limits, or ambiguous
		return h, nil, broken
	}
	header, body := split(canonical)
	if header == nil && body == nil {
		return h, raw, nil // the names occur inside a value
	}
	h = read(header, raw)
	if body == nil {
		return h, nil, broken
	}
	channel, ambiguous := channelOf(body)
	if len(ambiguous) > 0 {
		return h, nil, append(broken, ambiguous...)
	}
	h.Channel = channel
	return h, body, broken
}

// Require takes the envelope off a body that must have one; body is nil where it has none, or one
// that breaks the rules. The header is there wherever it keeps them itself, for the answer to echo.
func Require(raw []byte) (h Header, body []byte, broken []problem.Field) {
	canonical, broken := whole.Read(raw, contract.Limits{})
	if canonical == nil || slices.ContainsFunc(broken, func(f problem.Field) bool { return !strings.HasPrefix(f.Path, bodyName) }) {
		return h, nil, broken
	}
	header, body := split(canonical)
	h = read(header, raw)
	channel, ambiguous := channelOf(body)
	if broken = append(broken, ambiguous...); len(broken) > 0 {
		return h, nil, broken
	}
	h.Channel = channel
	return h, body, nil
}

// read is what a header says; a member that is not as it should be says nothing. raw is the request
// as it came, of which the properties are echoed.
func read(header, raw []byte) Header {
	var in struct {
		System struct {
			Name             jsontext.Value `json:"name"`
			CorrelationID    jsontext.Value `json:"correlationID"`
			ProcessingServer jsontext.Value `json:"processingServer"`
		}
		Property jsontext.Value
	}
	_ = json.Unmarshal(header, &in) // the check has said what is wrong with it
	h := Header{System: text(in.System.Name, 64), Correlation: text(in.System.CorrelationID, 128), Enveloped: true}
	h.ProcessingServer = said(in.System.ProcessingServer)
	if in.Property.Kind() == '[' && len(in.Property) > len("[]") {
		h.Property = sent(raw)
	}
	return h
}

// said is a string, or nil of what is none.
func said(v jsontext.Value) *string {
	if v.Kind() != '"' {
		return nil
	}
	s := text(v, len(v))
	return &s
}

// text is a string of at most so many bytes, or nothing.
func text(v jsontext.Value, longest int) string {
	if v.Kind() != '"' {
		return ""
	}
	s, err := jsontext.AppendUnquote(nil, v)
	if err != nil || len(s) > longest {
		return ""
	}
	return string(s)
}

// split finds header and body in a canonical envelope; nil where there is none.
func split(canonical []byte) (header, body []byte) {
	dec := jsontext.NewDecoder(bytes.NewBuffer(canonical))
	if tok, err := dec.ReadToken(); err != nil || tok.Kind() != '{' {
		return nil, nil
	}
	for dec.PeekKind() == '"' {
		name, err := dec.ReadToken()
		if err != nil {
			return nil, nil
		}
		var to *[]byte
		switch name.String() {
		case headerName:
			to = &header
		case bodyName:
			to = &body
		}
		value, err := dec.ReadValue()
		if err != nil {
			return nil, nil
		}
		if end := dec.InputOffset(); to != nil {
			*to = canonical[end-int64(len(value)) : end]
		}
	}
	return header, body
}

// channelOf finds the channel in a body. Of Audit only its ambiguities are refused here; whether it
// is as it should be is the contract's to judge.
func channelOf(body []byte) (channel string, broken []problem.Field) {
	if len(body) == 0 || body[0] != '{' || !mentions(body, auditName) {
		return "", nil
	}
	canonical, broken := audited.Read(body, contract.Limits{})
	if canonical == nil {
		for i := range broken {
			broken[i].Path = bodyName + "." + broken[i].Path
		}
		return "", broken
	}
	var in struct {
		Audit struct{ Canal string }
	}
	if len(broken) > 0 || json.Unmarshal(canonical, &in) != nil {
		return "", nil
	}
	return in.Audit.Canal, nil
}

// mentions reports whether name occurs in raw, without regard to ASCII case.
func mentions(raw []byte, name string) bool {
	for _, first := range [...]byte{name[0] | 0x20, name[0] &^ 0x20} {
		for rest := raw; ; {
			at := bytes.IndexByte(rest, first)
			if at < 0 || len(rest)-at < len(name) {
				break
			}
			if rest = rest[at:]; strings.EqualFold(string(rest[:len(name)]), name) {
				return true
			}
			rest = rest[1:]
		}
	}
	return false
}
