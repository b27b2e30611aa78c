package contract

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"pgregory.net/rapid"
)

// Bodies that nearly keep a schema: of the schema's shape, with a fault here and there.
func TestCheckAgainstKinOnContracts(t *testing.T) {
	all := subjects(t)
	rapid.Check(t, func(t *rapid.T) {
		s := all[rapid.IntRange(0, len(all)-1).Draw(t, "subject")]
		body := drawBody(t, s.check.schema, 0)
		if d := disagreement(s.check, []byte(body)); d != "" {
			t.Fatalf("%s\n%s\n%s", s.name, body, d)
		}
	})
}

func TestCheckAgainstKinOnAnySchema(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		schema, err := json.Marshal(drawSchema(t, 0))
		if err != nil {
			t.Fatal(err)
		}
		d, err := Load(fmt.Appendf(nil, `{"openapi": "3.0.3", "info": {"title": "t", "version": "1"}, "security": [],
			"x-sla": {"deadline": "1s", "availability": 99},
			"paths": {"/p": {"post": {"operationId": "p", "responses": {"204": {"description": "d"}},
			"requestBody": {"content": {"application/json": {"schema": %s}}}}}}}`, schema))
		if err != nil {
			t.Fatalf("%s: %v", schema, err)
		}
		check := d.Operations[0].Body
		for range 20 {
			body := drawBody(t, check.schema, 0)
			if d := disagreement(check, []byte(body)); d != "" {
				t.Fatalf("%s\n%s\n%s", schema, body, d)
			}
		}
	})
}

// Patterns that the test below and drawSchema choose from.
var somePatterns = []string{
	`^[0-9]{10}$`, `[0-9]`, `^$`, ``, `^a|b$`, `^(a|bc)*d?$`, `(?i)^x[a-f]{2,4}$`, `^.{1,3}$`, `\d+$`, `^\S+@\S+$`,
	`^[^<>]*$`, `a.c`, `^(|a)$`, `$^`, `x*`, `\bword\b`, `(?m)^line$`, `^3[0-9]{9}$`, `\u0041`, `^[0-9]{4}-(0[1-9]|1[0-2])$`,
	`(\.[0-9]{1,9})?(Z|[+-][0-9]{2}:[0-9]{2})?$`, `^(?:a{2,3}){2}$`, `[^a]$`, `é`, `^\x{1F600}?a$`, `a$|^b`, `^a$b`,
}

func TestPatternAgainstRegexp(t *testing.T) {
	for _, expr := range somePatterns {
		p, err := compilePattern(expr)
		if err != nil {
			t.Fatal(err)
		}
		re := regexp.MustCompile(strings.ReplaceAll(expr, `\u0041`, `A`))
		rapid.Check(t, func(t *rapid.T) {
			text := drawText(t, expr)
			if p.match([]byte(text)) != re.MatchString(text) {
				t.Fatalf("%q on %q: not what regexp says: %v", expr, text, re.MatchString(text))
			}
		})
	}
}

func FuzzPattern(f *testing.F) {
	for _, expr := range somePatterns {
		f.Add(expr, "a0123456789")
	}
	f.Fuzz(func(t *testing.T, expr, text string) {
		if strings.Contains(expr, `\u`) {
			return
		}
		re, err := regexp.Compile(expr)
		p, failed := compilePattern(expr)
		if (err == nil) != (failed == nil) {
			t.Fatalf("%q: %v, %v", expr, err, failed)
		}
		if err == nil && p.match([]byte(text)) != re.MatchString(text) {
			t.Fatalf("%q on %q: not what regexp says: %v", expr, text, re.MatchString(text))
		}
	})
}

// drawText is a text that expr may match.
func drawText(t *rapid.T, expr string) string {
	if expr != "" && !strings.Contains(expr, `\u`) && rapid.Bool().Draw(t, "matching") {
		return rapid.StringMatching(expr).Draw(t, "text")
	}
	return rapid.OneOf(
		rapid.StringMatching(`[0-9a-f:.@+TZ-]{0,12}`), rapid.StringN(0, 5, -1),
		rapid.SampledFrom([]string{"", "a", "é", "😀", "word", "RED", "2025-02-30", "0.0.0.0", "::1", "fe80::1%eth0", "a@b", "http://h", "http:///x", "\n", "line\n"}),
	).Draw(t, "text")
}

// faulty is true now and then.
func faulty(t *rapid.T, fault string) bool { return rapid.IntRange(0, 19).Draw(t, fault) == 0 }

// drawBody is JSON that nearly keeps s.
func drawBody(t *rapid.T, s *openapi3.Schema, depth int) string {
	if depth > 6 || faulty(t, "another") {
		return rapid.SampledFrom([]string{`null`, `true`, `0`, `-1.5`, `1e2`, `""`, `"a"`, `[]`, `{}`, `[null]`, `{"a":{}}`, `x`}).Draw(t, "value")
	}
	if len(s.Enum) > 0 && !faulty(t, "choice") {
		text, _ := json.Marshal(rapid.SampledFrom(s.Enum).Draw(t, "enum"))
		return string(text)
	}
	if len(s.AllOf) > 0 {
		return drawObject(t, s, depth)
	}
	kind := rapid.SampledFrom([]string{"string", "number", "object", "array", "boolean"}).Draw(t, "kind")
	if s.Type != nil {
		kind = (*s.Type)[0]
	}
	switch kind {
	case "string":
		return drawString(t, s)
	case "integer", "number":
		return drawNumber(t, s)
	case "boolean":
		return rapid.SampledFrom([]string{"true", "false"}).Draw(t, "boolean")
	case "array":
		items := &openapi3.Schema{}
		if s.Items != nil {
			items = s.Items.Value
		}
		var list []string
		for range rapid.IntRange(0, 4).Draw(t, "items") {
			list = append(list, drawBody(t, items, depth+1))
		}
		return "[" + strings.Join(list, drawComma(t)) + "]"
	default:
		return drawObject(t, s, depth)
	}
}

func drawObject(t *rapid.T, s *openapi3.Schema, depth int) string {
	properties := openapi3.Schemas{}
	var gather func(s *openapi3.Schema)
	gather = func(s *openapi3.Schema) {
		maps.Copy(properties, s.Properties)
		for _, part := range s.AllOf {
			gather(part.Value)
		}
	}
	gather(s)
	var members []string
	for _, name := range rapid.Permutation(slices.Sorted(maps.Keys(properties))).Draw(t, "names") {
		if depth > 3 || rapid.IntRange(0, 9).Draw(t, "left out") == 0 {
			continue
		}
		written := name
		if aliases, ok := extensionOf(properties[name], "x-aliases").([]any); ok && rapid.Bool().Draw(t, "alias") {
			written = rapid.SampledFrom(aliases).Draw(t, "written").(string)
		}
		if faulty(t, "case") {
			written = strings.ToUpper(name)
		}
		members = append(members, drawQuoted(t, written)+":"+drawBody(t, properties[name].Value, depth+1))
		if faulty(t, "twice") {
			members = append(members, members[len(members)-1])
		}
	}
	extra := s.AdditionalProperties.Schema
	for range rapid.SampledFrom([]int{0, 0, 0, 1, 2}).Draw(t, "others") {
		value := &openapi3.Schema{}
		if extra != nil {
			value = extra.Value
		}
		members = append(members, drawQuoted(t, rapid.StringMatching(`[a-dA-D]{1,2}`).Draw(t, "name"))+":"+drawBody(t, value, depth+1))
	}
	return "{" + strings.Join(members, drawComma(t)) + "}"
}

// extensionOf is an extension of a property, in its schema or beside its $ref.
func extensionOf(ref *openapi3.SchemaRef, name string) any {
	if v, ok := ref.Extensions[name]; ok {
		return v
	}
	return ref.Value.Extensions[name]
}

func drawComma(t *rapid.T) string {
	return rapid.SampledFrom([]string{",", ", ", " \n,\t"}).Draw(t, "comma")
}

func drawString(t *rapid.T, s *openapi3.Schema) string {
	if s.Extensions["x-digits"] == true && rapid.Bool().Draw(t, "unquoted") {
		return rapid.SampledFrom([]string{"0", "7", "12", "123456789012345678901234567890", "-1", "1.0", "1e2"}).Draw(t, "number")
	}
	known := map[string]string{
		"date": openapi3.FormatOfStringDate, "date-time": openapi3.FormatOfStringDateTime, "email": openapi3.FormatOfStringForEmail,
		"uuid": openapi3.FormatOfStringForUUIDOfRFC9562, "byte": openapi3.FormatOfStringByte, "ipv4": `([0-9]{1,3}\.){3}[0-9]{1,3}`, "ipv6": `[0-9a-f:]{2,9}`,
	}
	expr := s.Pattern
	if expr == "" {
		expr = known[s.Format]
	}
	return drawQuoted(t, drawText(t, expr))
}

// drawQuoted writes a text as JSON in one of its spellings.
func drawQuoted(t *rapid.T, text string) string {
	quoted, _ := json.Marshal(text)
	if rapid.IntRange(0, 9).Draw(t, "escaped") > 0 {
		return string(quoted)
	}
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range text {
		if r > 0xFFFF {
			return string(quoted)
		}
		fmt.Fprintf(&b, `\u%04x`, r)
	}
	b.WriteByte('"')
	return b.String()
}

func drawNumber(t *rapid.T, s *openapi3.Schema) string {
	near := []float64{0, 1, -1, 10, 2.5}
	for _, b := range []*float64{s.Min, s.Max, s.MultipleOf} {
		if b != nil {
			near = append(near, *b, *b+1, *b-1, *b+0.5)
		}
	}
	number := rapid.OneOf(
		rapid.Map(rapid.SampledFrom(near), decimal),
		rapid.Map(rapid.Int32Range(-20, 20), func(n int32) string { return fmt.Sprint(n) }),
		rapid.Map(rapid.Int64(), func(n int64) string { return fmt.Sprint(n) }),
		rapid.SampledFrom([]string{"-0", "1.0", "1e2", "1E-2", "0.1", "1.5e1", "2147483647", "2147483648", "-2147483649", "1e400", "1e-400", "123456789012345678901234567890"}),
	).Draw(t, "number")
	if s.Extensions["x-digits"] == true && rapid.Bool().Draw(t, "quoted") {
		return drawQuoted(t, rapid.SampledFrom([]string{"", "", "", "0", "00", "+", " "}).Draw(t, "before")+number)
	}
	return number
}

// drawSchema is a schema of the supported keywords.
func drawSchema(t *rapid.T, depth int) map[string]any {
	kinds := []string{"string", "integer", "number", "boolean", "", "array", "object", "object"}
	if depth > 2 {
		kinds = kinds[:5]
	}
	kind := rapid.SampledFrom(kinds).Draw(t, "type")
	s := map[string]any{}
	maybe := func(keyword string, value func() any) {
		if rapid.IntRange(0, 3).Draw(t, keyword) == 0 {
			s[keyword] = value()
		}
	}
	small := func() any { return rapid.IntRange(0, 3).Draw(t, "small") }
	maybe("nullable", func() any { return true })
	if kind == "" {
		return s
	}
	s["type"] = kind
	switch kind {
	case "string":
		maybe("minLength", small)
		maybe("maxLength", small)
		maybe("pattern", func() any { return rapid.SampledFrom(somePatterns).Draw(t, "pattern") })
		maybe("format", func() any {
			return rapid.SampledFrom(slices.Sorted(maps.Keys(formats))).Draw(t, "format")
		})
		maybe("enum", func() any { return []string{"a", "", "RED", "0"} })
		maybe("x-digits", func() any { return true })
	case "integer", "number":
		maybe("minimum", small)
		maybe("maximum", small)
		if s["minimum"] != nil {
			maybe("exclusiveMinimum", func() any { return rapid.Bool().Draw(t, "exclusive") })
		}
		if s["maximum"] != nil {
			maybe("exclusiveMaximum", func() any { return rapid.Bool().Draw(t, "exclusive") })
		}
		maybe("enum", func() any { return []int{1, 2, 15} })
		if kind == "integer" {
			maybe("multipleOf", func() any { return rapid.IntRange(1, 7).Draw(t, "multiple") })
			maybe("format", func() any { return rapid.SampledFrom([]string{"int32", "int64"}).Draw(t, "format") })
			if s["format"] != nil {
				maybe("x-digits", func() any { return true })
			}
		}
	case "boolean":
		maybe("enum", func() any { return []bool{rapid.Bool().Draw(t, "boolean")} })
	case "array":
		s["items"] = drawSchema(t, depth+1)
		maybe("minItems", small)
		maybe("maxItems", small)
		if text, _ := json.Marshal(s["items"]); !strings.Contains(string(text), "x-") { // respelt items are not compared
			maybe("uniqueItems", func() any { return true })
		}
	case "object":
		properties := map[string]any{}
		var required []string
		for _, name := range rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"a", "b", "c", "dd", "é"}), 0, 4, rapid.ID).Draw(t, "properties") {
			property := drawSchema(t, depth+1)
			if rapid.IntRange(0, 3).Draw(t, "aliases") == 0 {
				property["x-aliases"] = []string{"other-" + name}
			}
			properties[name] = property
			if rapid.Bool().Draw(t, "required") {
				required = append(required, name)
			}
		}
		s["properties"] = properties
		if len(required) > 0 {
			s["required"] = required
		}
		maybe("minProperties", small)
		maybe("maxProperties", small)
		maybe("additionalProperties", func() any {
			if rapid.Bool().Draw(t, "schema") {
				return drawSchema(t, depth+1)
			}
			return rapid.Bool().Draw(t, "open")
		})
	}
	return s
}
