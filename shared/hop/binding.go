package hop

import (
	"fmt"
	"net/http"
	"net/url"
	"reflect"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json"

	"puente/shared/contract"
	"puente/shared/problem"
)

// A binding tells which members of an input travel outside the body. It is computed once per type.
type binding struct {
	path, query, header []member
	body                bool   // whether anything travels in the body
	lost                string // a member that travels nowhere
}

type member struct {
	name  string
	index int
}

func bindingOf(t reflect.Type) binding {
	var b binding
	if t.Kind() != reflect.Struct {
		return binding{body: true}
	}
	for i := range t.NumField() {
		tag := t.Field(i).Tag
		outside := len(b.path) + len(b.query) + len(b.header)
		if name := tag.Get("uri"); name != "" {
			b.path = append(b.path, member{name, i})
		}
		if name := tag.Get("form"); name != "" {
			b.query = append(b.query, member{name, i})
		}
		if name := tag.Get("header"); name != "" {
			b.header = append(b.header, member{name, i})
		}
		if name := tag.Get("json"); name != "-" {
			b.body = true
		} else if outside == len(b.path)+len(b.query)+len(b.header) {
			b.lost = t.Field(i).Name
		}
	}
	return b
}

// encode is in as the parts of an HTTP request for op.
func encode[In any](op *contract.Operation, in In) (target string, header http.Header, body []byte, err error) {
	v := reflect.ValueOf(&in).Elem()
	b := bindingOf(v.Type())
	target = op.Path
	for _, m := range b.path {
		target = strings.ReplaceAll(target, "{"+m.name+"}", url.PathEscape(format(v.Field(m.index))))
	}
	query := url.Values{}
	for _, m := range b.query {
		if f := v.Field(m.index); !f.IsZero() {
			query.Set(m.name, format(f))
		}
	}
	if len(query) > 0 {
		target += "?" + query.Encode()
	}
	header = http.Header{}
	for _, m := range b.header {
		if f := v.Field(m.index); !f.IsZero() {
			header.Set(m.name, format(f))
		}
	}
	if b.body && op.MediaType != "" {
		body, err = json.Marshal(in)
	}
	return target, header, body, err
}

func format(v reflect.Value) string {
	for v.Kind() == reflect.Pointer {
		v = v.Elem()
	}
	return fmt.Sprint(v.Interface())
}

// Decoder makes an In of a request's parts. The body is canonical: the contract's check passed it.
type Decoder[In any] struct{ b binding }

// NewDecoder compiles the decoder of In.
func NewDecoder[In any]() Decoder[In] { return Decoder[In]{bindingOf(reflect.TypeFor[In]())} }

// Decode reads the parts that In has tags for into in, which is zero.
func (d Decoder[In]) Decode(in *In, path func(string) string, r *http.Request, body []byte) error {
	if d.b.body && len(body) > 0 {
		if err := json.Unmarshal(body, in); err != nil {
			return problem.Errorf(problem.Invalid, "decode body: %w", err)
		}
	}
	if len(d.b.path)+len(d.b.query)+len(d.b.header) == 0 {
		return nil
	}
	v := reflect.ValueOf(in).Elem()
	for _, m := range d.b.path {
		if err := assign(v.Field(m.index), path(m.name)); err != nil {
			return notOf("path."+m.name, err)
		}
	}
	if len(d.b.query) > 0 {
		query := r.URL.Query()
		for _, m := range d.b.query {
			if s := query.Get(m.name); s != "" {
				if err := assign(v.Field(m.index), s); err != nil {
					return notOf("query."+m.name, err)
				}
			}
		}
	}
	for _, m := range d.b.header {
		if s := r.Header.Get(m.name); s != "" {
			if err := assign(v.Field(m.index), s); err != nil {
				return notOf("header."+m.name, err)
			}
		}
	}
	return nil
}

func notOf(path string, err error) error {
	return &problem.Error{Kind: problem.Invalid, Fields: []problem.Field{{Path: path, Rule: "must be a " + err.Error()}}}
}

// assign sets v from its text; its error is the name of the type that text is not of.
func assign(v reflect.Value, text string) error {
	var err error
	switch v.Kind() {
	case reflect.String:
		v.SetString(text)
	case reflect.Bool:
		var b bool
		if b, err = strconv.ParseBool(text); err != nil {
			return fmt.Errorf("boolean")
		}
		v.SetBool(b)
	case reflect.Int, reflect.Int32, reflect.Int64:
		var n int64
		if n, err = strconv.ParseInt(text, 10, v.Type().Bits()); err != nil {
			return fmt.Errorf("integer")
		}
		v.SetInt(n)
	case reflect.Pointer:
		p := reflect.New(v.Type().Elem())
		if err = assign(p.Elem(), text); err != nil {
			return err
		}
		v.Set(p)
	default:
		return fmt.Errorf("%s", v.Kind())
	}
	return nil
}

// throughWire is v as the far side of an HTTP hop would have it, or an error if that differs.
func throughWire[T any](v T) (T, error) {
	var back T
	if lost := bindingOf(reflect.TypeFor[T]()).lost; lost != "" {
		return back, fmt.Errorf("member %s travels nowhere", lost)
	}
	text, err := json.Marshal(v, json.Deterministic(true))
	if err != nil {
		return back, err
	}
	if err := json.Unmarshal(text, &back); err != nil {
		return back, err
	}
	again, err := json.Marshal(back, json.Deterministic(true))
	if err != nil {
		return back, err
	}
	if string(again) != string(text) {
		return back, errChanged
	}
	copyTagged(reflect.ValueOf(&back).Elem(), reflect.ValueOf(&v).Elem())
	return back, nil
}

// copyTagged copies the members that travel outside the body.
func copyTagged(to, from reflect.Value) {
	b := bindingOf(from.Type())
	for _, members := range [][]member{b.path, b.query, b.header} {
		for _, m := range members {
			to.Field(m.index).Set(from.Field(m.index))
		}
	}
}

func checked(c *contract.Check, v any) error {
	text, err := json.Marshal(v)
	if err != nil {
		return err
	}
	if _, broken := c.Read(text, contract.Limits{}); len(broken) > 0 {
		return fmt.Errorf("breaks the contract: %v", broken)
	}
	return nil
}
