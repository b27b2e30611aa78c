package contract

import (
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/getkin/kin-openapi/openapi3"

	"puente/shared/problem"
)

// Params checks the path, query and header parameters of one operation. It is safe for concurrent use.
// Parameters that the document does not name are nobody's, and not looked at.
type Params struct{ path, query, header []param }

// param is one parameter.
type param struct {
	name     string
	place    []byte // path, query or header
	label    []byte // name
	required bool
	list     bool // takes several values: repeated, or separated if not explode
	explode  bool
	array    *arrayRule // of a list
	node     *node      // of a value
	ranks    [2]int     // of place and name
}

// Read checks the parameters of a request; path gives a path parameter by its name, decoded. Values are
// read more strictly than kin-openapi reads them, so that whoever decodes them after us means the same:
// a number has the syntax of JSON, a boolean is true or false, a parameter that takes one value comes
// once, text is UTF-8 without control characters.
func (p *Params) Read(path func(string) string, query url.Values, header http.Header) []problem.Field {
	if len(p.path)+len(p.query)+len(p.header) == 0 {
		return nil
	}
	r := readers.Get().(*reader)
	var one [1]string
	for i := range p.path {
		if one[0] = path(p.path[i].name); one[0] == "" {
			p.path[i].read(r, nil)
		} else {
			p.path[i].read(r, one[:])
		}
	}
	for i := range p.query {
		p.query[i].read(r, query[p.query[i].name])
	}
	for i := range p.header {
		p.header[i].read(r, header[p.header[i].name])
	}
	return r.release()
}

// Respell is a query with the names that differ from a parameter's in case only spelled as the document
// spells them. Values of one parameter under several spellings are several values of it.
func (p *Params) Respell(query url.Values) url.Values {
	spelled := make(url.Values, len(query))
	for _, name := range slices.Sorted(maps.Keys(query)) {
		proper := name
		for i := range p.query {
			if strings.EqualFold(p.query[i].name, name) {
				proper = p.query[i].name
			}
		}
		spelled[proper] = append(spelled[proper], query[name]...)
	}
	return spelled
}

// foldable reports whether no two query parameters differ in case only.
func (p *Params) foldable() bool {
	seen := map[string]bool{}
	for i := range p.query {
		name := strings.ToLower(p.query[i].name)
		if seen[name] {
			return false
		}
		seen[name] = true
	}
	return true
}

func (p *param) read(r *reader, values []string) {
	r.path = append(r.path[:0], step{name: p.place, rank: p.ranks[0]}, step{name: p.label, rank: p.ranks[1]})
	switch {
	case len(values) == 0:
		if p.required {
			r.note(problem.Missing, "is required")
		}
		return
	case !p.list && len(values) > 1:
		r.breaks("is given more than once")
		return
	case !p.list:
		r.lacking = p.required && values[0] == ""
		p.node.readText(r, values[0])
		r.lacking = false
		return
	case !p.explode:
		if len(values) > 1 {
			r.breaks("is given more than once")
			return
		}
		values = strings.Split(values[0], ",")
	}
	for i, value := range values {
		r.path = append(r.path, step{index: i, rank: i})
		p.node.readText(r, value)
		r.path = r.path[:len(r.path)-1]
		if p.array.unique && slices.Contains(values[:i], value) {
			r.breaks("must not have the same item twice")
		}
	}
	r.counted(p.array, len(values))
}

// The syntax of numbers in parameters: that of JSON, and of whole numbers without fraction or exponent.
var (
	integerText = expression(`^-?(0|[1-9][0-9]*)$`)
	numberText  = expression(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?$`)
)

// readText checks a value that has no JSON syntax against n.
func (n *node) readText(r *reader, value string) {
	r.scratch = append(r.scratch[:0], value...)
	text := r.scratch
	switch n.kinds {
	case numbers:
		if n.number.integer && !integerText(text) || !numberText(text) || n.digits && !allDigits(text) {
			r.breaks(n.rule)
		} else {
			n.number.check(text, r.breaks)
		}
	case booleans:
		if value != "true" && value != "false" {
			r.breaks(n.rule)
		} else {
			r.literal(n, text)
		}
	default:
		switch {
		case !utf8.Valid(text):
			r.breaks("must be UTF-8")
		case slices.ContainsFunc(text, func(b byte) bool { return b < ' ' || b == 0x7f }):
			r.breaks("must not have control characters")
		case n.text != nil:
			n.text.check(text, r.breaks)
		}
	}
}

// params compiles an operation's parameters: its own, and those of its path that it does not redefine.
func (r *reading) params(place string, shared, own openapi3.Parameters) *Params {
	p := &Params{}
	all := slices.Clone(own)
	for _, ref := range shared {
		if own.GetByInAndName(ref.Value.In, ref.Value.Name) == nil {
			all = append(all, ref)
		}
	}
	for i, ref := range all {
		at := place + "/parameters/" + strconv.Itoa(i)
		if ref.Ref != "" {
			at = ref.Ref
		}
		one, err := r.param(at, ref.Value)
		if err != nil {
			r.add(at, "%v", err)
			continue
		}
		switch ref.Value.In {
		case openapi3.ParameterInPath:
			p.path = append(p.path, one)
		case openapi3.ParameterInQuery:
			p.query = append(p.query, one)
		case openapi3.ParameterInHeader:
			one.name = http.CanonicalHeaderKey(one.name)
			p.header = append(p.header, one)
		}
	}
	for place, list := range [][]param{p.path, p.query, p.header} {
		for i := range list {
			list[i].ranks = [2]int{place, i}
		}
	}
	return p
}

// styles are the only styles that parameters may have: the defaults.
var styles = map[string]string{"path": openapi3.SerializationSimple, "query": openapi3.SerializationForm, "header": openapi3.SerializationSimple}

func (r *reading) param(at string, o *openapi3.Parameter) (param, error) {
	r.known(at, o.Extensions, nil)
	p := param{name: o.Name, place: []byte(o.In), label: []byte(o.Name), required: o.Required, explode: o.Explode == nil || *o.Explode}
	style, ok := styles[o.In]
	switch {
	case !ok:
		return p, fmt.Errorf("parameters in %s are not supported", o.In)
	case o.Style != "" && o.Style != style:
		return p, fmt.Errorf("style %s is not supported", o.Style)
	case o.AllowEmptyValue || o.AllowReserved:
		return p, fmt.Errorf("allowEmptyValue and allowReserved are not supported")
	case o.Schema == nil:
		return p, fmt.Errorf("needs a schema")
	case o.In == "header" && slices.Contains([]string{"Accept", "Content-Type", "Authorization"}, http.CanonicalHeaderKey(o.Name)):
		return p, fmt.Errorf("header %s is not a parameter in OpenAPI", o.Name)
	}
	p.node = r.compiler.compile(o.Schema, at+"/schema", false).node
	if p.node.kinds == arrays && o.In == "query" {
		p.list, p.array = true, p.node.array
		p.node = p.array.items.node
	}
	if k := p.node.kinds; k != texts && k != numbers && k != booleans {
		return p, fmt.Errorf("a parameter is a string, a number or a boolean, or in the query an array of one of these, and not nullable")
	}
	return p, nil
}
