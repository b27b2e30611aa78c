package admin

import (
	"bytes"
	"encoding"
	"errors"
	"reflect"
	"strconv"
	"strings"

	jsonv2 "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"puente/shared/problem"
)

// decode reads one JSON object into dst strictly. What it refuses is problem.Invalid: the path of
// the member and the rule it broke, never the value, which may be a secret.
func decode(raw []byte, dst any) error {
	raw = bytes.TrimSpace(raw)
	if len(raw) == 0 || raw[0] != '{' {
		return &problem.Error{Kind: problem.Invalid, Fields: []problem.Field{{Path: "spec", Rule: "must be an object"}}}
	}
	err := jsonv2.Unmarshal(raw, dst, jsonv2.RejectUnknownMembers(true))
	if err == nil {
		return nil
	}
	return &problem.Error{Kind: problem.Invalid, Fields: []problem.Field{broken(err)}, Err: err}
}

// broken says of a decoder's error which member broke which rule.
func broken(err error) problem.Field {
	var syntax *jsontext.SyntacticError
	if errors.As(err, &syntax) {
		if errors.Is(err, jsontext.ErrDuplicateName) {
			return problem.Field{Path: path(syntax.JSONPointer), Rule: "is given twice"}
		}
		return problem.Field{Path: path(syntax.JSONPointer), Rule: "is not valid JSON"}
	}
	var semantic *jsonv2.SemanticError
	if !errors.As(err, &semantic) {
		return problem.Field{Path: "spec", Rule: "cannot be read"}
	}
	f := problem.Field{Path: path(semantic.JSONPointer), Rule: "is not known"}
	if !errors.Is(err, jsonv2.ErrUnknownName) {
		f.Rule = "must be " + form(semantic.GoType)
	}
	return f
}

// path is an RFC 6901 pointer as the platform writes paths: contracts[0].tier.
func path(p jsontext.Pointer) string {
	var b strings.Builder
	for token := range p.Tokens() {
		if _, err := strconv.ParseUint(token, 10, 32); err == nil {
			b.WriteString("[" + token + "]")
			continue
		}
		if b.Len() > 0 {
			b.WriteByte('.')
		}
		b.WriteString(token)
	}
	if b.Len() == 0 {
		return "spec"
	}
	return b.String()
}

// form names the values that a Go type takes, for people.
func form(t reflect.Type) string {
	if t == nil {
		return "of another type"
	}
	if t.Implements(reflect.TypeFor[encoding.TextUnmarshaler]()) || reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextUnmarshaler]()) {
		return "a valid " + strings.ToLower(t.Name())
	}
	switch t.Kind() {
	case reflect.String:
		return "a string"
	case reflect.Bool:
		return "true or false"
	case reflect.Slice, reflect.Array:
		return "a list"
	case reflect.Struct, reflect.Map:
		return "an object"
	case reflect.Pointer:
		return form(t.Elem())
	default:
		return "a number in range"
	}
}
