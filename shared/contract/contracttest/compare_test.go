package contracttest

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"puente/shared/contract"
)

const spec = `
openapi: 3.0.3
info: {title: t, version: '1'}
x-sla: {deadline: 1s, availability: 99}
security: []
paths:
  /p:
    post:
      operationId: p
      requestBody:
        content:
          application/json:
            schema: {$ref: '#/components/schemas/Service'}
            examples:
              full: {value: {account: CS-1, technology: FTTH, speed: 300, since: '2025-05-25T00:00:00Z', tags: [a], limits: {up: 1}, suspension: null, owner: {name: n, owner: {name: m}}}}
              short: {value: {account: CS-1, technology: HFC, suspension: {reason: r}}}
      responses: {'204': {description: d}}
components:
  schemas:
    Service:
      type: object
      required: [account, technology, suspension]
      properties:
        account: {type: string}
        technology: {type: string, enum: [FTTH, HFC]}
        speed: {type: integer}
        since: {type: string, format: date-time}
        tags: {type: array, items: {type: string}}
        limits: {type: object, additionalProperties: {type: number}}
        suspension: {nullable: true, allOf: [{$ref: '#/components/schemas/Suspension'}]}
        owner: {$ref: '#/components/schemas/Owner'}
        extra: {nullable: true}
    Suspension:
      type: object
      required: [reason]
      properties: {reason: {type: string}}
    Owner:
      type: object
      properties:
        name: {type: string}
        owner: {$ref: '#/components/schemas/Owner'}
`

type technology string

const (
	ftth technology = "FTTH"
	hfc  technology = "HFC"
)

type service struct {
	Connection string             `uri:"connection" json:"-"`
	Account    string             `json:"account"`
	Technology technology         `json:"technology"`
	Speed      int                `json:"speed,omitzero"`
	Since      time.Time          `json:"since,omitzero"`
	Tags       []string           `json:"tags,omitempty"`
	Limits     map[string]float64 `json:"limits,omitempty"`
	Suspension *suspension        `json:"suspension"`
	Extra      any                `json:"extra,omitzero"`
	ownership
}

type suspension struct {
	Reason string `json:"reason"`
}

type ownership struct {
	Owner *owner `json:"owner,omitzero"`
}

type owner struct {
	Name  string `json:"name,omitempty"`
	Owner *owner `json:"owner,omitempty"`
}

var technologies = []technology{ftth, hfc}

func TestCompareAcceptsWhatIsEqual(t *testing.T) {
	Compare(t, []byte(spec), map[string]any{"Service": service{}, "Suspension": suspension{}, "Owner": owner{}}, technologies)
}

func TestCompareStructNamesEachDifference(t *testing.T) {
	d, err := contract.Load([]byte(spec))
	if err != nil {
		t.Fatal(err)
	}
	type wrong struct {
		Account    *string        `json:"account"`
		Technology technology     `json:"technology,omitempty"`
		Speed      string         `json:"speed,omitempty"`
		Since      time.Time      `json:"since"`
		Tags       []int          `json:"tags,omitempty"`
		Limits     map[string]int `json:"limits,omitempty"`
		Suspension suspension     `json:"suspension"`
		Extra      int            `json:"extra,omitzero"`
		More       string
	}
	got := CompareStruct(d.OpenAPI.Components.Schemas["Service"], reflect.TypeFor[wrong](), []technology{ftth, "ADSL"})
	want := []string{
		".account: is not nullable, and a pointer",
		".extra: is nullable, and not a pointer",
		".extra: may be anything, not only a int",
		".limits{}: is a number, not a int",
		".owner: contracttest.wrong has no such member",
		".since: is not required, and its tag says neither omitempty nor omitzero",
		".speed: is an integer, not a string",
		".suspension: is nullable, and not a pointer",
		".tags[]: is a string, not a int",
		".technology: is required, and may be omitted by its tag",
		".technology: contracttest.technology lacks the value HFC",
		".technology: contracttest.technology has the value ADSL, which is not in the enum",
		".More: is not in the schema",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	got = CompareStruct(d.OpenAPI.Components.Schemas["Service"], reflect.TypeFor[service]())
	if want := []string{".technology: is an enum; the values of contracttest.technology were not passed"}; !slices.Equal(got, want) {
		t.Errorf("without enums: %v", got)
	}
}

func TestStrictExamplesNamesEachFault(t *testing.T) {
	d, err := contract.Load([]byte(spec))
	if err != nil {
		t.Fatal(err)
	}
	type narrow struct {
		Account    string      `json:"account"`
		Technology string      `json:"technology"`
		Suspension *suspension `json:"suspension"`
	}
	faults := StrictExamples(d, map[string]any{"Service": narrow{}})
	if len(faults) != 1 || !strings.Contains(faults[0], "p request example full") || !strings.Contains(faults[0], "unknown object member") {
		t.Errorf("a type that lacks members: %v", faults)
	}
	type forgetful struct {
		service
		Suspension *suspension `json:"suspension,omitempty"` // drops null
	}
	faults = StrictExamples(d, map[string]any{"Service": forgetful{}})
	if len(faults) != 1 || !strings.Contains(faults[0], "p request example full") || !strings.Contains(faults[0], "suspension is required") {
		t.Errorf("a type that drops null: %v", faults)
	}
}
