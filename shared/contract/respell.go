package contract

import (
	"slices"

	"github.com/getkin/kin-openapi/openapi3"
)

// aliases is x-aliases of a property; nil if it has none.
func (c *compiler) aliases(ref *openapi3.SchemaRef, at string) []string {
	own := ref.Extensions
	if ref.Ref == "" {
		own = ref.Value.Extensions
	}
	v, ok := own["x-aliases"]
	if !ok {
		return nil
	}
	list, _ := v.([]any)
	var names []string
	for _, item := range list {
		if name, _ := item.(string); name != "" {
			names = append(names, name)
		}
	}
	if len(names) == 0 || len(names) != len(list) {
		c.add(at, "x-aliases must be a list of names")
	}
	return names
}

// alias makes member i known by another name, unless that is another member's already. Where names are
// folded an alias may be a name that folding finds, too: it is then for who reads the document.
func (o *objectRule) alias(name string, i int, taken func()) {
	if there, ok := o.index[name]; ok && there != i {
		taken()
		return
	}
	o.index[name] = i
	o.longest = max(o.longest, len(name))
	if o.folded == nil {
		return
	}
	if there, ok := o.folded[lower(name)]; ok && there != i {
		taken()
		return
	}
	o.folded[lower(name)] = i
}

// digits is x-digits.
func (c *compiler) digits(s *openapi3.Schema, at string) bool {
	yes, err := extensions(s.Extensions).flag("x-digits")
	if err != nil {
		c.add(at, "%v", err)
	}
	if yes && s.Type.Is(openapi3.TypeInteger) && s.Format != "int32" && s.Format != "int64" {
		c.add(at, "x-digits needs format int32 or int64: a string may have any number of digits")
	}
	return yes
}

// respells reports whether the canonical form of what ref describes may differ from what was sent.
func respells(ref *openapi3.SchemaRef, above []*openapi3.Schema) bool {
	if ref == nil || ref.Value == nil || slices.Contains(above, ref.Value) {
		return false
	}
	s := ref.Value
	above = append(above, s)
	for _, name := range []string{"x-aliases", "x-digits", "x-fold-names"} {
		_, inside := s.Extensions[name]
		_, beside := ref.Extensions[name]
		if inside || beside {
			return true
		}
	}
	below := append(slices.Clone(s.AllOf), s.Items, s.AdditionalProperties.Schema)
	for _, property := range s.Properties {
		below = append(below, property)
	}
	return slices.ContainsFunc(below, func(r *openapi3.SchemaRef) bool { return respells(r, above) })
}
