package contract

import (
	"bytes"
	"fmt"
	"net/url"
	"slices"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"

	"puente/shared/problem"
)

// FormMedia is the media type of HTML forms and of token requests (RFC 6749 §3.2).
const FormMedia = "application/x-www-form-urlencoded"

// ReadForm makes of a form's body the JSON object that its check reads, and masks and records after
// that: a member for each parameter, its value a string. As RFC 6749 §3.2 wants it, a parameter without
// a value counts as absent, and none may be given twice. object is nil where the form cannot be read in
// one way only: broken says why, and never holds a value.
func ReadForm(form []byte, limits Limits) (object []byte, broken []problem.Field) {
	limits = limits.orDefaults()
	refuse := func(name, rule string) ([]byte, []problem.Field) {
		return nil, []problem.Field{{Path: name, Rule: rule, Breach: problem.Unreadable}}
	}
	var seen []string
	object = append(make([]byte, 0, len(form)+16), '{')
	for pair := range bytes.SplitSeq(form, []byte("&")) {
		if len(pair) == 0 {
			continue
		}
		rawName, rawValue, _ := bytes.Cut(pair, []byte("="))
		if len(rawName) > limits.String {
			return refuse("body", fmt.Sprintf("has a name longer than %d bytes", limits.String))
		}
		name, ok := unescaped(rawName)
		if !ok || name == "" {
			return refuse("body", "is not a form: the name of a parameter is empty or not encoded")
		}
		path := printable([]byte(name))
		value, ok := unescaped(rawValue)
		switch {
		case !ok:
			return refuse(path, "must be percent-encoded UTF-8 without control characters")
		case len(value) > limits.String:
			return refuse(path, fmt.Sprintf("is longer than %d bytes", limits.String))
		case len(seen) == limits.Members:
			return refuse("body", fmt.Sprintf("has more than %d members", limits.Members))
		case slices.Contains(seen, name):
			return refuse(path, "is given twice")
		}
		seen = append(seen, name)
		if value == "" {
			continue
		}
		if len(object) > 1 {
			object = append(object, ',')
		}
		object, _ = jsontext.AppendQuote(object, name) // both are UTF-8
		object, _ = jsontext.AppendQuote(append(object, ':'), value)
	}
	return append(object, '}'), nil
}

// unescaped is a name or a value of a form. A semicolon must be encoded: to some it separates parameters.
// Line ends may be in the text of a page's form, other control characters in none.
func unescaped(raw []byte) (string, bool) {
	text, err := url.QueryUnescape(string(raw))
	if err != nil || bytes.IndexByte(raw, ';') >= 0 || !utf8.ValidString(text) {
		return "", false
	}
	for _, b := range []byte(text) {
		if b < ' ' && b != '\t' && b != '\r' && b != '\n' || b == 0x7f {
			return "", false
		}
	}
	return text, true
}

// form compiles the schema of a form: an object of strings, for that is all that a form can hold.
func (r *reading) form(at string, op *Operation, check *Check) {
	op.Form = true
	o := check.root.node.object
	if check.root.node.kinds != objects || o == nil {
		r.add(at, "the schema of a form must be an object")
		return
	}
	for _, m := range o.members {
		if m.node.kinds != texts {
			r.add(at, "a form holds strings only, and %s is none", m.name)
		}
	}
}
