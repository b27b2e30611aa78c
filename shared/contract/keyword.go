package contract

import "github.com/getkin/kin-openapi/openapi3"

// keywords are those of OpenAPI 3.0.3 that constrain a value, with the types they are compiled for.
// One that is set where it is not compiled is refused: it would be ignored. kin-openapi itself refuses
// those of later versions and those it does not know.
var keywords = []struct {
	name  string
	kinds []string // nil: never compiled
	set   func(*openapi3.Schema) bool
}{
	{"oneOf", nil, func(s *openapi3.Schema) bool { return len(s.OneOf) > 0 }},
	{"anyOf", nil, func(s *openapi3.Schema) bool { return len(s.AnyOf) > 0 }},
	{"not", nil, func(s *openapi3.Schema) bool { return s.Not != nil }},
	{"discriminator", nil, func(s *openapi3.Schema) bool { return s.Discriminator != nil }},
	{"readOnly", nil, func(s *openapi3.Schema) bool { return s.ReadOnly }},
	{"writeOnly", nil, func(s *openapi3.Schema) bool { return s.WriteOnly }},
	{"allowEmptyValue", nil, func(s *openapi3.Schema) bool { return s.AllowEmptyValue }},
	{"xml", nil, func(s *openapi3.Schema) bool { return s.XML != nil }},

	{"enum", []string{"string", "integer", "number", "boolean"}, func(s *openapi3.Schema) bool { return len(s.Enum) > 0 }},
	{"format", []string{"string", "integer", "number"}, func(s *openapi3.Schema) bool { return s.Format != "" }},
	{"minLength", []string{"string"}, func(s *openapi3.Schema) bool { return s.MinLength != 0 }},
	{"maxLength", []string{"string"}, func(s *openapi3.Schema) bool { return s.MaxLength != nil }},
	{"pattern", []string{"string"}, func(s *openapi3.Schema) bool { return s.Pattern != "" }},
	{"minimum", []string{"integer", "number"}, func(s *openapi3.Schema) bool { return s.Min != nil }},
	{"maximum", []string{"integer", "number"}, func(s *openapi3.Schema) bool { return s.Max != nil }},
	{"exclusiveMinimum", []string{"integer", "number"}, func(s *openapi3.Schema) bool { return s.ExclusiveMin.IsSet() }},
	{"exclusiveMaximum", []string{"integer", "number"}, func(s *openapi3.Schema) bool { return s.ExclusiveMax.IsSet() }},
	{"multipleOf", []string{"integer", "number"}, func(s *openapi3.Schema) bool { return s.MultipleOf != nil }},
	{"items", []string{"array"}, func(s *openapi3.Schema) bool { return s.Items != nil }},
	{"minItems", []string{"array"}, func(s *openapi3.Schema) bool { return s.MinItems != 0 }},
	{"maxItems", []string{"array"}, func(s *openapi3.Schema) bool { return s.MaxItems != nil }},
	{"uniqueItems", []string{"array"}, func(s *openapi3.Schema) bool { return s.UniqueItems }},
	{"properties", []string{"object"}, func(s *openapi3.Schema) bool { return len(s.Properties) > 0 }},
	{"required", []string{"object"}, func(s *openapi3.Schema) bool { return len(s.Required) > 0 }},
	{"minProperties", []string{"object"}, func(s *openapi3.Schema) bool { return s.MinProps != 0 }},
	{"maxProperties", []string{"object"}, func(s *openapi3.Schema) bool { return s.MaxProps != nil }},
	{"additionalProperties", []string{"object"}, func(s *openapi3.Schema) bool {
		return s.AdditionalProperties.Has != nil || s.AdditionalProperties.Schema != nil
	}},
}

// constrained reports whether a schema has a keyword of its own other than type and allOf.
func constrained(s *openapi3.Schema) bool {
	for _, k := range keywords {
		if k.set(s) {
			return true
		}
	}
	return false
}
