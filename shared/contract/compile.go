package contract

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/go-json-experiment/json/jsontext"
)

// compiler turns schemas into nodes and gathers what it does not support.
type compiler struct {
	nodes map[nodeKey]*node
	flat  map[*openapi3.Schema]flattened
	order order
	errs  []error

	property bool // whether the next schema that is compiled is a property's
}

// nodeKey: a schema below an object that folds names compiles to another node.
type nodeKey struct {
	schema *openapi3.Schema
	fold   bool
}

func newCompiler(order order) *compiler {
	return &compiler{nodes: map[nodeKey]*node{}, flat: map[*openapi3.Schema]flattened{}, order: order}
}

func (c *compiler) add(pointer, format string, args ...any) {
	c.errs = append(c.errs, fmt.Errorf("%s: %s", pointer, fmt.Sprintf(format, args...)))
}

// check compiles the schema that a body or an answer has. fold is what stands above it.
func (c *compiler) check(ref *openapi3.SchemaRef, pointer string, fold bool) *Check {
	return &Check{root: c.compile(ref, pointer, fold), schema: ref.Value}
}

// compile turns a schema, and all it refers to, into nodes. pointer is where ref stands.
func (c *compiler) compile(ref *openapi3.SchemaRef, pointer string, fold bool) edge {
	property := c.property
	c.property = false
	if _, ok := ref.Value.Extensions["x-aliases"]; ok && (!property || ref.Ref != "") {
		c.add(pointer, "x-aliases belongs to a property, beside its $ref if it has one")
	}
	at := pointer
	if ref.Ref != "" {
		at = ref.Ref
		own := extensions(ref.Extensions)
		beside := []string{"x-audit-key", "x-fold-names", "x-pii"}
		if property {
			beside = append(beside, "x-aliases")
		}
		for _, name := range own.unknown(beside) {
			c.add(pointer, "extension %s is not known beside $ref", name)
		}
		fold = c.folds(pointer, own, fold)
	}
	flat, ok := c.flat[ref.Value]
	if !ok {
		flat = c.flatten(ref.Value, at, nil)
		c.flat[ref.Value] = flat
	}
	fold = c.folds(at, flat.schema.Extensions, fold)
	key := nodeKey{ref.Value, fold}
	n, ok := c.nodes[key]
	if !ok {
		n = &node{}
		c.nodes[key] = n
		n.pii = c.pii(at, flat.schema.Extensions, flat.schema)
		n.key = c.key(at, flat.schema.Extensions)
		c.fill(n, flat, at, fold)
	}
	e := edge{node: n, pii: n.pii, key: n.key}
	if ref.Ref != "" {
		if p := c.pii(pointer, ref.Extensions, ref.Value); p == piiKeepUnknown {
			c.add(pointer, "x-pii: keep-unknown belongs in the schema, not beside $ref")
		} else if p != piiNone {
			e.pii = p
		}
		e.key = c.key(pointer, ref.Extensions) || e.key
	}
	if e.key && (n.kinds&(objects|arrays) != 0 || e.pii == piiDrop) {
		c.add(pointer, "x-audit-key is for strings and numbers that x-pii does not drop")
	}
	return e
}

// folds is x-fold-names, which also holds for all below.
func (c *compiler) folds(pointer string, e extensions, above bool) bool {
	yes, err := e.flag("x-fold-names")
	if err != nil {
		c.add(pointer, "%v", err)
	}
	return yes || above
}

// fill compiles a schema without allOf into n.
func (c *compiler) fill(n *node, flat flattened, at string, fold bool) {
	s := flat.schema
	for _, name := range extensions(s.Extensions).unknown(schemaExtensions) {
		c.add(at, "extension %s is not known here", name)
	}
	for _, name := range []string{"x-envelope", "x-fault"} {
		if _, err := extensions(s.Extensions).flag(name); err != nil {
			c.add(at, "%v", err)
		}
	}
	kind := ""
	if s.Type != nil && len(*s.Type) == 1 {
		kind = (*s.Type)[0]
	}
	for _, k := range keywords {
		switch {
		case !k.set(s), slices.Contains(k.kinds, kind):
		case k.kinds == nil:
			c.add(at, "%s is not supported", k.name)
		case kind == "":
			c.add(at, "%s needs a type beside it", k.name)
		default:
			c.add(at, "%s means nothing for type %s", k.name, kind)
		}
	}
	switch kind {
	case openapi3.TypeString:
		n.kinds, n.rule, n.text = texts, "must be a string", c.text(s, at)
		if n.digits = c.digits(s, at); n.digits {
			n.rule = "must be a string, or an integer in digits only"
		}
	case openapi3.TypeInteger:
		n.kinds, n.rule, n.number = numbers, "must be an integer", c.number(s, at)
		if n.digits = c.digits(s, at); n.digits {
			n.rule = "must be an integer in digits only"
		}
	case openapi3.TypeNumber:
		n.kinds, n.rule, n.number = numbers, "must be a number", c.number(s, at)
	case openapi3.TypeBoolean:
		n.kinds, n.rule, n.bools = booleans, "must be true or false", c.bools(s, at)
	case openapi3.TypeArray:
		n.kinds, n.rule, n.array = arrays, "must be an array", c.array(s, at, fold)
	case openapi3.TypeObject:
		n.kinds, n.rule = objects, "must be an object"
		n.object = &objectRule{}
		c.object(n.object, flat, at, fold)
	default: // the empty schema: anything but null, as kin-openapi reads it
		n.kinds, n.rule = everything&^nulls, "must not be null"
		n.object, n.array = unchecked.object, unchecked.array
	}
	if _, ok := s.Extensions["x-digits"]; ok && kind != openapi3.TypeInteger && kind != openapi3.TypeString {
		c.add(at, "x-digits is for integers and strings")
	}
	if s.Nullable {
		n.kinds |= nulls
		if kind == "" { // no longer the empty schema: kin-openapi then looks at numbers
			n.number = &numberRule{min: math.Inf(-1), max: math.Inf(1)}
		}
	}
}

func (c *compiler) text(s *openapi3.Schema, at string) *textRule {
	t := &textRule{min: int(s.MinLength), max: limit(s.MaxLength), expr: s.Pattern, format: s.Format}
	if s.Pattern != "" {
		var err error
		if t.pattern, err = compilePattern(s.Pattern); err != nil {
			c.add(at, "%v", err)
		}
	}
	if s.Format != "" {
		matches, ok := formats[s.Format]
		if !ok {
			c.add(at, "format %s is not supported", s.Format)
		}
		t.matches = matches
	}
	if len(s.Enum) > 0 {
		t.enum = map[string]struct{}{}
		var names []string
		for _, v := range s.Enum {
			if text, ok := v.(string); ok {
				t.enum[text] = struct{}{}
				names = append(names, text)
			} else if v != nil || !s.Nullable {
				c.add(at, "enum has a value that is not a string")
			}
		}
		t.choices = strings.Join(names, ", ")
	}
	if t.min == 0 && t.max < 0 && t.pattern == nil && t.matches == nil && t.enum == nil {
		return nil
	}
	return t
}

func (c *compiler) number(s *openapi3.Schema, at string) *numberRule {
	r := &numberRule{integer: s.Type.Is(openapi3.TypeInteger), min: math.Inf(-1), max: math.Inf(1)}
	switch s.Format {
	case "int32":
		r.bits = 32
	case "int64":
		r.bits = 64
	case "", "float", "double":
	default:
		c.add(at, "format %s is not supported", s.Format)
	}
	if (r.bits != 0) != r.integer && s.Format != "" {
		c.add(at, "format %s means nothing for type %s", s.Format, (*s.Type)[0])
	}
	bound := func(name string, b *float64, excluded openapi3.ExclusiveBound) (float64, bool) {
		if math.Abs(*b) > maxExact {
			c.add(at, "%s is beyond 2^53, where numbers lose precision", name)
		}
		return *b, excluded.IsTrue()
	}
	if s.Min != nil {
		r.min, r.aboveMin = bound("minimum", s.Min, s.ExclusiveMin)
	} else if s.ExclusiveMin.IsSet() {
		c.add(at, "exclusiveMinimum needs minimum")
	}
	if s.Max != nil {
		r.max, r.belowMax = bound("maximum", s.Max, s.ExclusiveMax)
	} else if s.ExclusiveMax.IsSet() {
		c.add(at, "exclusiveMaximum needs maximum")
	}
	if m := s.MultipleOf; m != nil {
		r.multiple = int64(*m)
		if !r.integer || *m != math.Trunc(*m) || *m < 1 || *m > maxExact {
			c.add(at, "multipleOf is supported for integers only, and must be one")
			r.multiple = 0
		}
	}
	var names []string
	for _, v := range s.Enum {
		f, ok := number(v)
		switch {
		case ok && math.Abs(f) <= maxExact && (!r.integer || f == math.Trunc(f)):
			r.enum = append(r.enum, f)
			names = append(names, decimal(f))
		case v != nil || !s.Nullable:
			c.add(at, "enum has a value that is not of the type, or beyond 2^53")
		}
	}
	r.choices = strings.Join(names, ", ")
	return r
}

func (c *compiler) bools(s *openapi3.Schema, at string) *boolRule {
	if len(s.Enum) == 0 {
		return nil
	}
	r := &boolRule{}
	for _, v := range s.Enum {
		b, ok := v.(bool)
		if !ok && (v != nil || !s.Nullable) {
			c.add(at, "enum has a value that is not a boolean")
		}
		r.yes, r.no = r.yes || ok && b, r.no || ok && !b
	}
	return r
}

func (c *compiler) array(s *openapi3.Schema, at string, fold bool) *arrayRule {
	if s.UniqueItems && (fold || respells(s.Items, nil)) {
		c.add(at, "uniqueItems is not supported where names or numbers are respelt: items are compared as written")
	}
	return &arrayRule{
		items: c.compile(s.Items, at+"/items", fold),
		min:   int(s.MinItems), max: limit(s.MaxItems), unique: s.UniqueItems,
	}
}

func (c *compiler) object(o *objectRule, flat flattened, at string, fold bool) {
	s := flat.schema
	o.min, o.max = int(s.MinProps), limit(s.MaxProps)
	o.index = make(map[string]int, len(s.Properties))
	if fold {
		o.folded = make(map[string]int, len(s.Properties))
	}
	place := func(name string) string {
		if p, ok := flat.places[name]; ok {
			return p + "/properties/" + token(name)
		}
		return at + "/properties/" + token(name)
	}
	names := slices.SortedFunc(maps.Keys(s.Properties), func(a, b string) int {
		return cmp.Or(cmp.Compare(c.order[place(a)], c.order[place(b)]), cmp.Compare(a, b))
	})
	for i, name := range names {
		c.property = true
		required := slices.Contains(s.Required, name)
		o.members = append(o.members, member{name, quote(name), c.compile(s.Properties[name], place(name), fold), required})
		o.index[name] = i
		o.longest = max(o.longest, len(name))
		if fold {
			if _, ok := o.folded[lower(name)]; ok {
				c.add(place(name), "is the same member as another when names are folded")
			}
			o.folded[lower(name)] = i
		}
	}
	for i, name := range names {
		for _, alias := range c.aliases(s.Properties[name], place(name)) {
			o.alias(alias, i, func() { c.add(place(name), "x-aliases has the name of another member") })
		}
	}
	for _, name := range s.Required {
		i, ok := o.index[name]
		if !ok {
			c.add(at, "required names %s, which is not among the properties", name)
			continue
		}
		o.required = append(o.required, i)
	}
	slices.Sort(o.required)
	o.extra = edge{node: unchecked}
	switch extra := s.AdditionalProperties; {
	case extra.Schema != nil:
		o.extra = c.compile(extra.Schema, at+"/additionalProperties", fold)
		o.unknown = true // they are declared after all
	case extra.Has != nil:
		o.closed = !*extra.Has
	}
	if c.pii(at, s.Extensions, s) == piiKeepUnknown {
		o.unknown = true
	}
}

// limit is an optional upper bound; -1 if there is none.
func limit(n *uint64) int {
	if n == nil {
		return -1
	}
	return int(min(*n, math.MaxInt))
}

// quote is a member name as JSON.
func quote(name string) []byte {
	q, _ := jsontext.AppendQuote(nil, name) // fails for invalid UTF-8, which YAML does not let through
	return q
}
