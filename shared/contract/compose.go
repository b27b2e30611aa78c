package contract

import (
	"maps"
	"slices"
	"strconv"

	"github.com/getkin/kin-openapi/openapi3"
)

// flattened is a schema without allOf.
type flattened struct {
	schema *openapi3.Schema
	places map[string]string // the pointers of the schemas that the properties come from; absent: its own
}

// flatten merges the schemas of an allOf into one. Two forms are understood: one schema, which the
// outer one may make nullable, and objects that add their members to each other. All else is refused,
// above all additionalProperties, which under allOf refuses the members of the siblings.
func (c *compiler) flatten(s *openapi3.Schema, at string, above []*openapi3.Schema) flattened {
	if len(s.AllOf) == 0 {
		return flattened{schema: s}
	}
	if slices.Contains(above, s) {
		c.add(at, "allOf leads back to itself")
		return flattened{schema: &openapi3.Schema{}}
	}
	above = append(above, s)
	var parts []flattened
	var ats []string
	for i, ref := range s.AllOf {
		place := at + "/allOf/" + strconv.Itoa(i)
		if ref.Ref != "" {
			place = ref.Ref
		}
		parts = append(parts, c.flatten(ref.Value, place, above))
		ats = append(ats, place)
	}
	if len(parts) == 1 && !constrained(s) && (s.Type == nil || slices.Equal(s.Type.Slice(), parts[0].schema.Type.Slice())) {
		return wrapped(s, parts[0], ats[0])
	}
	return c.merged(s, at, parts, ats)
}

// wrapped is part with the outer schema's null and extensions.
func wrapped(outer *openapi3.Schema, part flattened, at string) flattened {
	s := *part.schema
	s.Nullable = s.Nullable || outer.Nullable
	s.Extensions = maps.Clone(part.schema.Extensions)
	if s.Extensions == nil {
		s.Extensions = map[string]any{}
	}
	maps.Copy(s.Extensions, outer.Extensions)
	places := maps.Clone(part.places)
	if places == nil {
		places = map[string]string{}
	}
	for name := range s.Properties {
		if _, ok := places[name]; !ok {
			places[name] = at
		}
	}
	return flattened{&s, places}
}

// merged is an object with the members of all parts and of the outer schema.
func (c *compiler) merged(outer *openapi3.Schema, at string, parts []flattened, ats []string) flattened {
	own := *outer
	own.AllOf = nil
	nullable := true
	for _, p := range parts {
		nullable = nullable && p.schema.Nullable
	}
	m := &openapi3.Schema{Properties: openapi3.Schemas{}, Extensions: map[string]any{}, Nullable: outer.Nullable || nullable}
	places := map[string]string{}
	for i, p := range append(parts, flattened{schema: &own}) {
		place := at
		if i < len(ats) {
			place = ats[i]
		}
		c.mergeable(p.schema, place)
		if p.schema.Type != nil {
			m.Type = p.schema.Type
		}
		for name, ref := range p.schema.Properties {
			if there, ok := m.Properties[name]; ok && there.Value != ref.Value {
				c.add(place, "allOf: property %s is declared twice and differently", name)
			}
			m.Properties[name] = ref
			places[name] = place
			if from, ok := p.places[name]; ok {
				places[name] = from
			}
		}
		for _, name := range p.schema.Required {
			if !slices.Contains(m.Required, name) {
				m.Required = append(m.Required, name)
			}
		}
		maps.Copy(m.Extensions, p.schema.Extensions)
	}
	if m.Type == nil {
		c.add(at, "allOf: none of the schemas has a type")
		m.Type = &openapi3.Types{openapi3.TypeObject}
	}
	return flattened{m, places}
}

// mergeable notes what merged does not understand.
func (c *compiler) mergeable(s *openapi3.Schema, at string) {
	if s.Type != nil && !s.Type.Is(openapi3.TypeObject) {
		c.add(at, "allOf: only objects can be merged")
	}
	for _, k := range keywords {
		if k.set(s) && k.name != "properties" && k.name != "required" {
			c.add(at, "allOf: %s is not supported in a schema that is merged", k.name)
		}
	}
}
