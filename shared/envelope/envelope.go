// Package envelope reads WSRequestHeader and WSRequestBody, the envelope that callers put around
// a request's body. Names match without regard to ASCII case, as published tables and published
// samples differ and clients of both kinds exist; two names that are then the same are refused.
package envelope

import (
	"bytes"
	"errors"
	"io"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"puente/shared/problem"
)

// Header is the caller context that an envelope holds.
type Header struct {
	System      string // WSRequestHeader.System.name
	Correlation string // WSRequestHeader.System.correlationID
	Channel     string // WSRequestBody.Audit.Canal
	Enveloped   bool   // whether there was an envelope at all
}

const (
	headerName = "WSRequestHeader"
	bodyName   = "WSRequestBody"
)

// Open takes the envelope off a body that may have one. A body without is returned as it is: what
// is not an envelope is the contract's to judge. body aliases raw.
func Open(raw []byte) (h Header, body []byte, broken []problem.Field) {
	if !mentions(raw, headerName) && !mentions(raw, bodyName) {
		return h, raw, nil
	}
	members, err := membersOf(raw, headerName, bodyName)
	if err != nil {
		return h, raw, at("body", err)
	}
	header, body := members[0], members[1]
	if header == nil && body == nil {
		return h, raw, nil // the names occur inside a value
	}
	if header == nil {
		return h, raw, required(headerName)
	}
	if body == nil {
		return h, raw, required(bodyName)
	}
	h.Enveloped = true
	if broken = h.readSystem(header); len(broken) > 0 {
		return h, raw, broken
	}
	if broken = h.readAudit(body); len(broken) > 0 {
		return h, raw, broken
	}
	return h, body, nil
}

func (h *Header) readSystem(header []byte) []problem.Field {
	parts, err := membersOf(header, "System", "Property")
	if err != nil {
		return at(headerName, err)
	}
	if parts[0] == nil {
		return required(headerName + ".System")
	}
	members, err := membersOf(parts[0], "name", "correlationID", "processingServer")
	if err != nil {
		return at(headerName+".System", err)
	}
	var broken []problem.Field
	for i, to := range []*string{&h.System, &h.Correlation} {
		path := headerName + ".System." + []string{"name", "correlationID"}[i]
		value, isString := text(members[i])
		switch {
		case members[i] == nil:
			broken = append(broken, required(path)...)
		case !isString || value == "":
			broken = append(broken, problem.Field{Path: path, Rule: "must be a non-empty string"})
		}
		*to = value
	}
	if p := parts[1]; p != nil && p[0] != '[' && string(p) != "null" {
		broken = append(broken, problem.Field{Path: headerName + ".Property", Rule: "must be an array or null"})
	}
	return broken
}

// readAudit finds the channel; whether Audit is as it should be is the contract's to judge.
func (h *Header) readAudit(body []byte) []problem.Field {
	if len(body) == 0 || body[0] != '{' || !mentions(body, "audit") {
		return nil
	}
	members, err := membersOf(body, "Audit")
	if err != nil {
		return at(bodyName, err)
	}
	if a := members[0]; len(a) > 0 && a[0] == '{' {
		if members, err = membersOf(a, "Canal"); err != nil {
			return at(bodyName+".Audit", err)
		}
		h.Channel, _ = text(members[0])
	}
	return nil
}

var (
	errTwice  = errors.New("must not hold two members of the same name")
	errObject = errors.New("must be an object")
	errSyntax = errors.New("must be valid JSON")
)

// membersOf reads an object and returns the raw values of the named members, nil for those it
// does not have. Any two members whose names are the same without regard to case are refused.
func membersOf(object []byte, names ...string) ([][]byte, error) {
	dec := jsontext.NewDecoder(bytes.NewReader(object))
	tok, err := dec.ReadToken()
	if err != nil {
		return nil, errSyntax
	}
	if tok.Kind() != '{' {
		return nil, errObject
	}
	found := make([][]byte, len(names))
	seen := make(map[string]bool, 8)
	for dec.PeekKind() == '"' {
		name, err := dec.ReadToken()
		if err != nil {
			return nil, errTwice // jsontext refuses exact duplicates itself
		}
		folded := strings.ToLower(name.String())
		if seen[folded] {
			return nil, errTwice
		}
		seen[folded] = true
		start := dec.InputOffset()
		value, err := dec.ReadValue()
		if err != nil {
			return nil, errSyntax
		}
		for i, want := range names {
			if strings.EqualFold(folded, want) {
				end := dec.InputOffset()
				found[i] = bytes.TrimLeft(object[start:end], " \t\r\n:")
			}
		}
		_ = value
	}
	if _, err := dec.ReadToken(); err != nil {
		return nil, errSyntax
	}
	if _, err := dec.ReadToken(); !errors.Is(err, io.EOF) {
		return nil, errSyntax
	}
	return found, nil
}

func text(value []byte) (string, bool) {
	if len(value) == 0 || value[0] != '"' {
		return "", false
	}
	s, err := jsontext.AppendUnquote(nil, value)
	return string(s), err == nil
}

// mentions reports whether name occurs in raw, without regard to ASCII case.
func mentions(raw []byte, name string) bool {
	for i := 0; i+len(name) <= len(raw); i++ {
		if (raw[i]|0x20) == (name[0]|0x20) && strings.EqualFold(string(raw[i:i+len(name)]), name) {
			return true
		}
	}
	return false
}

func at(path string, err error) []problem.Field {
	return []problem.Field{{Path: path, Rule: err.Error()}}
}

func required(path string) []problem.Field { return []problem.Field{{Path: path, Rule: "is required"}} }
