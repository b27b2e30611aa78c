// Package contracttest holds the Go side of a contract, which is written by hand, equal to its
// document.
package contracttest

import (
	"encoding"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"puente/shared/contract"
)

// Compare fails t wherever a Go type and its schema differ, and where an example of the document does
// not decode strictly into its type and back into what the document allows. types maps the names of
// schemas in components to values of the types; enums are the values of each typed enum, all constants
// of one type in one slice:
//
//	contracttest.Compare(t, spec, map[string]any{"Service": inventory.Service{}},
//		[]inventory.Technology{inventory.FTTH, inventory.HFC})
func Compare(t testing.TB, spec []byte, types map[string]any, enums ...any) {
	t.Helper()
	d, err := contract.Load(spec)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range slices.Sorted(maps.Keys(types)) {
		ref := d.OpenAPI.Components.Schemas[name]
		if ref == nil {
			t.Errorf("%s: no schema of that name", name)
			continue
		}
		for _, difference := range CompareStruct(ref, reflect.TypeOf(types[name]), enums...) {
			t.Errorf("%s%s", name, difference)
		}
	}
	for _, fault := range StrictExamples(d, types) {
		t.Error(fault)
	}
}

// CompareStruct tells how a Go type differs from a schema: in the names of members, in what is required
// (written always: neither omitempty nor omitzero), in what is nullable (a pointer, slice, map or
// interface; nothing else is a pointer, unless it may be absent), in types, and in the values of enums.
// Members that travel outside the body are tagged json:"-" and ignored.
func CompareStruct(ref *openapi3.SchemaRef, t reflect.Type, enums ...any) []string {
	c := comparison{enums: map[reflect.Type][]string{}, done: map[pair]bool{}}
	for _, list := range enums {
		values := reflect.ValueOf(list)
		for i := range values.Len() {
			c.enums[values.Type().Elem()] = append(c.enums[values.Type().Elem()], values.Index(i).String())
		}
	}
	c.value("", schemaOf(ref), t)
	return c.differences
}

type comparison struct {
	enums       map[reflect.Type][]string
	done        map[pair]bool
	differences []string
}

type pair struct {
	schema *openapi3.Schema
	t      reflect.Type
}

func (c *comparison) add(path, format string, args ...any) {
	c.differences = append(c.differences, path+": "+fmt.Sprintf(format, args...))
}

// schema is one without allOf.
type schema struct {
	origin     *openapi3.Schema
	kind       string
	properties openapi3.Schemas
	required   []string
	nullable   bool
	enum       []any
	items      *openapi3.SchemaRef
	extra      *openapi3.SchemaRef
	format     string
}

// schemaOf merges what allOf composes; contract.Load has refused what would not merge.
func schemaOf(ref *openapi3.SchemaRef) schema {
	v := ref.Value
	s := schema{v, "", maps.Clone(v.Properties), v.Required, v.Nullable, v.Enum, v.Items, v.AdditionalProperties.Schema, v.Format}
	if v.Type != nil {
		s.kind = (*v.Type)[0]
	}
	allNull := len(v.AllOf) > 0
	for _, part := range v.AllOf {
		p := schemaOf(part)
		if s.properties == nil {
			s.properties = openapi3.Schemas{}
		}
		maps.Copy(s.properties, p.properties)
		s.required = append(slices.Clone(s.required), p.required...)
		allNull = allNull && p.nullable
		if s.kind == "" {
			s.kind = p.kind
		}
		if len(v.AllOf) == 1 {
			s.enum, s.items, s.extra, s.format = p.enum, p.items, p.extra, p.format
		}
	}
	s.nullable = s.nullable || allNull
	return s
}

var (
	textMarshaler  = reflect.TypeFor[encoding.TextMarshaler]()
	textAppender   = reflect.TypeFor[encoding.TextAppender]()
	jsonMarshaler  = reflect.TypeFor[json.Marshaler]()
	jsonMarshalTo  = reflect.TypeFor[json.MarshalerTo]()
	rawValue       = reflect.TypeFor[jsontext.Value]()
	bytes          = reflect.TypeFor[[]byte]()
	marshalsItself = []reflect.Type{jsonMarshaler, jsonMarshalTo}
	marshalsAsText = []reflect.Type{textMarshaler, textAppender}
)

func implementsAny(t reflect.Type, interfaces []reflect.Type) bool {
	return slices.ContainsFunc(interfaces, func(i reflect.Type) bool { return t.Implements(i) || reflect.PointerTo(t).Implements(i) })
}

// value compares a schema with a type, null apart.
func (c *comparison) value(path string, s schema, t reflect.Type) {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if c.done[pair{s.origin, t}] {
		return
	}
	c.done[pair{s.origin, t}] = true
	if t == rawValue || t.Kind() == reflect.Interface || implementsAny(t, marshalsItself) {
		return // whatever it is, it says so itself
	}
	switch kind := t.Kind(); s.kind {
	case "string":
		if kind != reflect.String && !implementsAny(t, marshalsAsText) && !(t == bytes && s.format == "byte") {
			c.add(path, "is a string, not a %v", t)
			return
		}
		c.choices(path, s, t)
	case "integer":
		if kind < reflect.Int || kind > reflect.Uint64 {
			c.add(path, "is an integer, not a %v", t)
		}
	case "number":
		if kind != reflect.Float32 && kind != reflect.Float64 {
			c.add(path, "is a number, not a %v", t)
		}
	case "boolean":
		if kind != reflect.Bool {
			c.add(path, "is a boolean, not a %v", t)
		}
	case "array":
		if kind != reflect.Slice && kind != reflect.Array {
			c.add(path, "is an array, not a %v", t)
			return
		}
		c.nullable(path+"[]", schemaOf(s.items), t.Elem(), false)
		c.value(path+"[]", schemaOf(s.items), t.Elem())
	case "object":
		c.object(path, s, t)
	default:
		c.add(path, "may be anything, not only a %v", t)
	}
}

func (c *comparison) object(path string, s schema, t reflect.Type) {
	if t.Kind() == reflect.Map {
		switch {
		case len(s.properties) > 0:
			c.add(path, "has declared members, and is a %v", t)
		case s.extra != nil:
			c.nullable(path+"{}", schemaOf(s.extra), t.Elem(), false)
			c.value(path+"{}", schemaOf(s.extra), t.Elem())
		}
		return
	}
	if t.Kind() != reflect.Struct {
		c.add(path, "is an object, not a %v", t)
		return
	}
	members := map[string]field{}
	for _, f := range fields(t) {
		members[f.name] = f
	}
	for _, name := range slices.Sorted(maps.Keys(s.properties)) {
		f, ok := members[name]
		if !ok {
			c.add(path+"."+name, "%v has no such member", t)
			continue
		}
		delete(members, name)
		property := schemaOf(s.properties[name])
		required := slices.Contains(s.required, name)
		switch {
		case required && f.optional:
			c.add(path+"."+name, "is required, and may be omitted by its tag")
		case !required && !f.optional:
			c.add(path+"."+name, "is not required, and its tag says neither omitempty nor omitzero")
		}
		c.nullable(path+"."+name, property, f.t, f.optional)
		c.value(path+"."+name, property, f.t)
	}
	for _, name := range slices.Sorted(maps.Keys(members)) {
		c.add(path+"."+name, "is not in the schema")
	}
}

// nullable compares whether null may stand for a value.
func (c *comparison) nullable(path string, s schema, t reflect.Type, optional bool) {
	switch t.Kind() {
	case reflect.Pointer:
		if !s.nullable && !optional {
			c.add(path, "is not nullable, and a pointer")
		}
	case reflect.Slice, reflect.Map, reflect.Interface:
	default:
		if s.nullable && !implementsAny(t, marshalsItself) {
			c.add(path, "is nullable, and not a pointer")
		}
	}
}

// choices compares the values of an enum.
func (c *comparison) choices(path string, s schema, t reflect.Type) {
	given, typed := c.enums[t]
	var allowed []string
	for _, v := range s.enum {
		if text, ok := v.(string); ok {
			allowed = append(allowed, text)
		}
	}
	switch {
	case len(allowed) > 1 && !typed:
		c.add(path, "is an enum; the values of %v were not passed", t)
	case len(allowed) == 0 && typed:
		c.add(path, "is no enum, and %v has a fixed set of values", t)
	case typed:
		for _, v := range allowed {
			if !slices.Contains(given, v) {
				c.add(path, "%v lacks the value %s", t, v)
			}
		}
		for _, v := range given {
			if !slices.Contains(allowed, v) {
				c.add(path, "%v has the value %s, which is not in the enum", t, v)
			}
		}
	}
}

// field is a member of a struct as JSON sees it.
type field struct {
	name     string
	optional bool
	t        reflect.Type
}

// fields are the members of t, those of embedded structs among them.
func fields(t reflect.Type) []field {
	var all []field
	for f := range t.Fields() {
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case name == "-" && options == "", !f.IsExported() && !f.Anonymous:
			continue
		case f.Anonymous && name == "":
			embedded := f.Type
			for embedded.Kind() == reflect.Pointer {
				embedded = embedded.Elem()
			}
			all = append(all, fields(embedded)...)
			continue
		case name == "":
			name = f.Name
		}
		optional := slices.ContainsFunc(strings.Split(options, ","), func(o string) bool { return o == "omitempty" || o == "omitzero" })
		all = append(all, field{name, optional, f.Type})
	}
	return all
}
