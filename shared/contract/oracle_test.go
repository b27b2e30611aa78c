package contract

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/go-json-experiment/json/jsontext"
)

// disagreement is how c and kin-openapi judge body differently; "" if they do not, or if body is one
// of the known differences:
//
//	body                                   kin-openapi             here
//	a name twice in an object              the last one counts     refused
//	two names that fold to one             two members             refused
//	invalid UTF-8, half a surrogate pair   reads U+FFFD            refused
//	data after the value                   not read                refused
//	beyond Limits                          read                    refused
//	whole numbers beyond ±2^51             with a slack for        exact
//	  against multipleOf                   rounding
//	a number in another spelling than      an integer, if it is   refused
//	  digits, where x-digits is            one
//	whole numbers beyond ±2^53             rounded to a float64,   exact up to 64 bits: type, format
//	  against int64, multipleOf, enum      then checked            int64, multipleOf and enum
//
// Members that x-fold-names and x-aliases respell, and what x-digits takes for a number or a string, are
// judged by kin-openapi in their canonical spelling. Whether that is what was meant, it cannot tell: see
// TestCanonicalBodiesMeanTheSame.
func disagreement(c *Check, body []byte) string {
	canonical, broken := c.Read(body, Limits{})
	if canonical == nil {
		last := broken[0]
		if jsontext.Value(body).IsValid() && !strings.Contains(last.Rule, "deeper") && !strings.Contains(last.Rule, "more than") && !strings.Contains(last.Rule, "spellings") {
			return fmt.Sprintf("refused as JSON, which it is: %v", broken)
		}
		return ""
	}
	if !jsontext.Value(body).IsValid() {
		return "read as JSON, which it is not"
	}
	dec := json.NewDecoder(bytes.NewReader(canonical))
	dec.UseNumber()
	var value any
	if err := dec.Decode(&value); err != nil {
		return fmt.Sprintf("canonical is not JSON: %v", err)
	}
	if beyondExact(value) {
		return ""
	}
	err := c.schema.VisitJSON(inDigits(c.schema, value))
	if (err == nil) != (len(broken) == 0) {
		return fmt.Sprintf("kin-openapi says %v\nhere %v", err, broken)
	}
	return ""
}

// inDigits is value with what is no number to anybody in the place of each number that x-digits refuses
// for its spelling, so that kin-openapi refuses it, too.
func inDigits(s *openapi3.Schema, value any) any {
	for _, part := range s.AllOf {
		value = inDigits(part.Value, value)
	}
	switch v := value.(type) {
	case json.Number:
		if s.Extensions["x-digits"] == true && strings.Trim(v.String(), "0123456789") != "" {
			return false
		}
	case []any:
		for i := range v {
			if s.Items != nil {
				v[i] = inDigits(s.Items.Value, v[i])
			}
		}
	case map[string]any:
		for name := range v {
			if p, ok := s.Properties[name]; ok {
				v[name] = inDigits(p.Value, v[name])
			} else if extra := s.AdditionalProperties.Schema; extra != nil {
				v[name] = inDigits(extra.Value, v[name])
			}
		}
	}
	return value
}

// beyondExact reports whether value has a number that a float64 does not tell from its neighbours.
func beyondExact(value any) bool {
	switch v := value.(type) {
	case json.Number:
		f, err := v.Float64()
		return err == nil && math.Abs(f) >= 1<<51
	case []any:
		return slices.ContainsFunc(v, beyondExact)
	case map[string]any:
		for _, v := range v {
			if beyondExact(v) {
				return true
			}
		}
	}
	return false
}

// subject is a check of a document, with the examples that the document gives of it.
type subject struct {
	name     string
	check    *Check
	examples [][]byte
}

// subjects are the checks of the documents in testdata and of all contracts.
func subjects(t testing.TB) []subject {
	t.Helper()
	files, err := filepath.Glob("../../contracts/*/*/openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	var all []subject
	for _, file := range append(files, filepath.Join("testdata", "keywords.yaml")) {
		spec, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		d, err := Load(spec)
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		for _, op := range d.Operations {
			kin := d.OpenAPI.Paths.Value(op.Path).GetOperation(op.Method)
			if op.Body != nil {
				given := examples(t, kin.RequestBody.Value.Content)
				for i := range given {
					given[i] = inside(t, op, given[i])
				}
				all = append(all, subject{file + " " + op.ID, op.Body, given})
			}
			for status, answer := range op.Answers {
				response := kin.Responses.Value("default")
				if status != 0 {
					response = kin.Responses.Status(status)
				}
				all = append(all, subject{fmt.Sprint(file, " ", op.ID, " ", status), answer, examples(t, response.Value.Content)})
			}
		}
	}
	slices.SortFunc(all, func(a, b subject) int { return strings.Compare(a.name, b.name) })
	return all
}

// inside is what the body check of op reads of an example.
func inside(t testing.TB, op *Operation, example []byte) []byte {
	t.Helper()
	if !op.EnvelopeRequired {
		return example
	}
	var envelope struct{ WSRequestBody json.RawMessage }
	if err := json.Unmarshal(example, &envelope); err != nil {
		t.Fatal(err)
	}
	return envelope.WSRequestBody
}

// examples are the examples of a body as JSON.
func examples(t testing.TB, content openapi3.Content) [][]byte {
	t.Helper()
	var all [][]byte
	add := func(v any) {
		text, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, text)
	}
	for _, media := range content {
		if media.Example != nil {
			add(media.Example)
		}
		for _, e := range media.Examples {
			add(e.Value.Value)
		}
	}
	return all
}

func TestExamplesPassTheirChecks(t *testing.T) {
	for _, s := range subjects(t) {
		for _, body := range s.examples {
			if _, broken := s.check.Read(body, Limits{}); len(broken) > 0 {
				t.Errorf("%s: %s: %v", s.name, body, broken)
			}
		}
	}
}

func FuzzCheckAgainstKin(f *testing.F) {
	all := subjects(f)
	for i, s := range all {
		for _, body := range s.examples {
			f.Add(uint16(i), body)
		}
	}
	for _, body := range []string{
		``, ` `, `null`, `{}`, `[]`, `{"a":1,"a":2}`, `{} {}`, "{\"a\":\"\xff\"}", `{"a":"\ud800"}`,
		`{"plain":"\u00e9\n","digits":"01234567\u00389"}`, `{"whole":1.0,"big":1e2,"five":10.0}`,
		`{"whole":9007199254740993,"any":1e400}`, `{"unique":[1,1.0,"a","\u0061"]}`,
		`{"SYSTEM":{"NAME":"a","Name":"b"}}`, `{"SHORTCODE":"8888","largeAccount":"9","PRICEPOINTID":"007","ids":["1",-2,3.0]}`, `{"either":"fe80::1%eth0","perhaps":" "}`, `{"phone":"3000000019","AUDIT":{"ip_address":"300.1.1.1","x":1}}`, `{"system":{"Name":"a","correlationid":"b"},"other":1,"OTHER":2}`,
	} {
		for i := range all {
			f.Add(uint16(i), []byte(body))
		}
	}
	f.Fuzz(func(t *testing.T, i uint16, body []byte) {
		s := all[int(i)%len(all)]
		if d := disagreement(s.check, body); d != "" {
			t.Errorf("%s\n%s\n%s", s.name, body, d)
		}
	})
}
