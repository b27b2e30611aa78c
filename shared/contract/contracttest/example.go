package contracttest

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/go-json-experiment/json"

	"puente/shared/contract"
)

// StrictExamples decodes the examples of a document's bodies and answers into the types of their
// schemas and encodes them again. It returns what fails: members that a type does not have, values it
// cannot hold, and encodings that break the contract. An example whose schema has no type in types is
// not looked at; of a body that may come in the envelope, the enveloped examples are not.
func StrictExamples(d *contract.Document, types map[string]any) []string {
	e := examples{doc: d, types: types}
	for _, op := range d.Operations {
		kin := d.OpenAPI.Paths.Value(op.Path).GetOperation(op.Method)
		if kin.RequestBody != nil {
			e.content(op.ID+" request", kin.RequestBody.Value.Content, op.Body)
		}
		for status, check := range op.Answers {
			response := kin.Responses.Default()
			if status != 0 {
				response = kin.Responses.Status(status)
			}
			e.content(fmt.Sprint(op.ID, " ", status), response.Value.Content, check)
		}
	}
	slices.Sort(e.faults)
	return e.faults
}

type examples struct {
	doc    *contract.Document
	types  map[string]any
	faults []string
}

func (e *examples) content(place string, content openapi3.Content, check *contract.Check) {
	for _, name := range slices.Sorted(maps.Keys(content)) {
		media := content[name]
		if media.Schema == nil || check == nil {
			continue
		}
		example, ok := e.types[schemaName(media.Schema)]
		if !ok {
			continue
		}
		t := reflect.TypeOf(example)
		if media.Example != nil {
			e.strict(place+" example", inside(media.Schema, media.Example), t, check)
		}
		for _, name := range slices.Sorted(maps.Keys(media.Examples)) {
			e.strict(place+" example "+name, inside(media.Schema, media.Examples[name].Value.Value), t, check)
		}
	}
}

// schemaName is the name of the schema that ref refers to; of a body that may come in the envelope,
// that of the flat alternative; of one that must, that of what is inside; of an answer, that of the
// success.
func schemaName(ref *openapi3.SchemaRef) string {
	if marked(ref, "x-envelope") {
		ref = ref.Value.Properties["WSRequestBody"]
	}
	for _, alternative := range ref.Value.OneOf {
		if !marked(alternative, "x-envelope") && !marked(alternative, "x-fault") {
			ref = alternative
		}
	}
	return strings.TrimPrefix(ref.Ref, "#/components/schemas/")
}

func marked(ref *openapi3.SchemaRef, extension string) bool {
	yes, _ := ref.Value.Extensions[extension].(bool)
	return yes
}

// inside is an example without the envelope that its schema asks for.
func inside(ref *openapi3.SchemaRef, example any) any {
	if whole, ok := example.(map[string]any); ok && marked(ref, "x-envelope") {
		return whole["WSRequestBody"]
	}
	return example
}

func (e *examples) strict(place string, example any, t reflect.Type, check *contract.Check) {
	text, err := json.Marshal(example, json.Deterministic(true))
	if err != nil {
		e.faults = append(e.faults, fmt.Sprintf("%s: %v", place, err))
		return
	}
	if _, broken := check.Read(text, contract.Limits{}); len(broken) > 0 {
		return // the enveloped form: kin-openapi has found it in order
	}
	v := reflect.New(t)
	if err := json.Unmarshal(text, v.Interface(), json.RejectUnknownMembers(true)); err != nil {
		e.faults = append(e.faults, fmt.Sprintf("%s: %v", place, err))
		return
	}
	back, err := json.Marshal(v.Interface())
	if err != nil {
		e.faults = append(e.faults, fmt.Sprintf("%s: %v", place, err))
		return
	}
	if _, broken := check.Read(back, contract.Limits{}); len(broken) > 0 {
		e.faults = append(e.faults, fmt.Sprintf("%s: decoded and encoded again it breaks the contract: %v", place, broken))
	}
}
