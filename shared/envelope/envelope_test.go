package envelope

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/go-json-experiment/json/jsontext"
	"pgregory.net/rapid"

	"puente/shared/problem"
)

func TestOpen(t *testing.T) {
	const sample = `{"WSRequestHeader":{"System":{"name":"MAX","correlationID":"LUZ-0.26090","processingServer":null},"Property":[{"name":null,"value":null}]},"WSRequestBody":{"Phone":"3000000019"}}`
	for name, c := range map[string]struct {
		raw  string
		want Header
		body string
	}{
		"no envelope":                   {`{"phone":"3000000019"}`, Header{}, `{"phone":"3000000019"}`},
		"its name inside a value":       {`{"phone":"WSRequestHeader"}`, Header{}, `{"phone":"WSRequestHeader"}`},
		"its name inside another name":  {`{"a":{"WSRequestBody":1}}`, Header{}, `{"a":{"WSRequestBody":1}}`},
		"an envelope inside an array":   {`[{"WSRequestHeader":{}}]`, Header{}, `[{"WSRequestHeader":{}}]`},
		"not JSON, and not an envelope": {`{`, Header{}, `{`},
		"the documents' sample":         {sample, Header{System: "MAX", Correlation: "LUZ-0.26090", Enveloped: true, Property: property(`{"name":null,"value":null}`)}, `{"Phone":"3000000019"}`},
		"the case of the published table": {
			`{"WSREQUESTHEADER":{"system":{"NAME":"MAX","CorrelationID":"LUZ-1","ProcessingServer":""},"property":[]},"wsrequestbody":{"Phone":"3"}}`,
			Header{System: "MAX", Correlation: "LUZ-1", Enveloped: true, ProcessingServer: new(string)}, `{"Phone":"3"}`,
		},
		"a name written with escapes": {
			`{"\u0057SRequestHeader":{"System":{"n\u0061me":"MAX","correlationID":"1"}},"WSRequestBody":{}}`,
			Header{System: "MAX", Correlation: "1", Enveloped: true}, `{}`,
		},
		"Property null": {`{"WSRequestHeader":{"System":{"name":"MAX","correlationID":"1"},"Property":null},"WSRequestBody":{}}`, Header{System: "MAX", Correlation: "1", Enveloped: true}, `{}`},
		"members that none knows": {
			`{"other":1,"WSRequestHeader":{"System":{"name":"MAX","correlationID":"1","x":{}},"y":[]},"WSRequestBody":{"z":1}}`,
			Header{System: "MAX", Correlation: "1", Enveloped: true}, `{"z":1}`,
		},
		"the channel": {
			`{"WSRequestHeader":{"System":{"name":"MAX","correlationID":"1"}},"WSRequestBody":{"audit":{"CANAL":"whatsapp","SO":"Android"},"Phone":"3"}}`,
			Header{System: "MAX", Correlation: "1", Channel: "whatsapp", Enveloped: true}, `{"audit":{"CANAL":"whatsapp","SO":"Android"},"Phone":"3"}`,
		},
		"Property as sent, in every spelling": {
			`{"WSRequestHeader":{"System":{"name":"MAX","correlationID":"1"},"PROPERTY":[ {"NAME": "a", "Value":null, "more":[1]}, {} ,{"name":"b"}]},"WSRequestBody":{}}`,
			Header{System: "MAX", Correlation: "1", Enveloped: true, Property: property(`{"NAME": "a", "Value":null, "more":[1]}`, `{}`, `{"name":"b"}`)}, `{}`,
		},
		"Audit null":     {`{"WSRequestHeader":{"System":{"name":"MAX","correlationID":"1"}},"WSRequestBody":{"Audit":null}}`, Header{System: "MAX", Correlation: "1", Enveloped: true}, `{"Audit":null}`},
		"white space":    {"\n{ \"WSRequestHeader\" : { \"System\" : { \"name\" : \"MAX\" , \"correlationID\" : \"1\" } } ,\r\n\t\"WSRequestBody\" :\n { \"Phone\": \"3\" } } ", Header{System: "MAX", Correlation: "1", Enveloped: true}, `{ "Phone": "3" }`},
		"the body first": {`{"WSRequestBody":[1],"WSRequestHeader":{"System":{"name":"MAX","correlationID":"1"}}}`, Header{System: "MAX", Correlation: "1", Enveloped: true}, `[1]`},
		"the body null":  {`{"WSRequestHeader":{"System":{"name":"MAX","correlationID":"1"}},"WSRequestBody":null}`, Header{System: "MAX", Correlation: "1", Enveloped: true}, `null`},
	} {
		t.Run(name, func(t *testing.T) {
			h, body, broken := Open([]byte(c.raw))
			if !reflect.DeepEqual(h, c.want) || string(body) != c.body || broken != nil {
				t.Errorf("%+v %s %v", h, body, broken)
			}
		})
	}
}

func property(items ...string) []jsontext.Value {
	var all []jsontext.Value
	for _, item := range items {
		all = append(all, jsontext.Value(item))
	}
	return all
}

// A body that must come in the envelope is opened as one that may, and is nothing without it.
func TestRequire(t *testing.T) {
	h, body, broken := Require([]byte(`{"wsrequestheader":{"System":{"Name":"MAX","correlationID":"1","ProcessingServer":"S"}},"WSRequestBody":{"Phone":"3"}}`))
	if h.System != "MAX" || h.Correlation != "1" || *h.ProcessingServer != "S" || string(body) != `{"Phone":"3"}` || broken != nil {
		t.Errorf("%+v %s %v", h, body, broken)
	}
	if h, _, _ := Require([]byte(`{"WSRequestHeader":{"System":{"name":"MAX","correlationID":"1"}}}`)); h.System != "MAX" || h.Correlation != "1" {
		t.Errorf("a header in order is not echoed: %+v", h)
	}
	for raw, path := range map[string]string{
		``: "body", `null`: "body", `[]`: "body", `"x"`: "body", `{`: "body", `{"Phone":"3"}`: "WSRequestHeader", `{}`: "WSRequestHeader",
		`{"WSRequestHeader":null,"WSRequestBody":{}}`:                                                                           "WSRequestHeader",
		`{"WSRequestHeader":{"System":{"name":"MAX","correlationID":"1"}}}`:                                                     "WSRequestBody",
		`{"WSRequestHeader":{"System":{"name":"MAX","correlationID":"1"}},"WSRequestBody":{"Audit":{"Canal":"a","CANAL":"b"}}}`: "WSRequestBody.Audit.CANAL",
	} {
		if _, body, broken := Require([]byte(raw)); body != nil || len(broken) == 0 || broken[0].Path != path {
			t.Errorf("%s: %s %v, want %s", raw, body, broken, path)
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	header := func(header string) string { return `{"WSRequestHeader":` + header + `,"WSRequestBody":{}}` }
	system := func(members string) string {
		return header(`{"System":{"name":"MAX","correlationID":"1"` + members + `}}`)
	}
	for name, c := range map[string]struct{ raw, path string }{
		"no header":                     {`{"WSRequestBody":{}}`, "WSRequestHeader"},
		"no body":                       {`{"WSRequestHeader":{"System":{"name":"MAX","correlationID":"1"}}}`, "WSRequestBody"},
		"header null":                   {header(`null`), "WSRequestHeader"},
		"header no object":              {header(`"x"`), "WSRequestHeader"},
		"no System":                     {header(`{}`), "WSRequestHeader.System"},
		"System null":                   {header(`{"System":null}`), "WSRequestHeader.System"},
		"no name":                       {header(`{"System":{"correlationID":"1"}}`), "WSRequestHeader.System.name"},
		"name empty":                    {header(`{"System":{"name":"","correlationID":"1"}}`), "WSRequestHeader.System.name"},
		"name null":                     {header(`{"System":{"name":null,"correlationID":"1"}}`), "WSRequestHeader.System.name"},
		"correlation a number":          {header(`{"System":{"name":"MAX","correlationID":1}}`), "WSRequestHeader.System.correlationID"},
		"no correlation":                {header(`{"System":{"name":"MAX"}}`), "WSRequestHeader.System.correlationID"},
		"processingServer a number":     {system(`,"processingServer":1`), "WSRequestHeader.System.processingServer"},
		"Property an object":            {header(`{"System":{"name":"MAX","correlationID":"1"},"Property":{}}`), "WSRequestHeader.Property"},
		"a Property that is a string":   {header(`{"System":{"name":"MAX","correlationID":"1"},"Property":["x"]}`), "WSRequestHeader.Property[0]"},
		"a Property's name a number":    {header(`{"System":{"name":"MAX","correlationID":"1"},"Property":[{"name":1}]}`), "WSRequestHeader.Property[0].name"},
		"a header twice":                {`{"WSRequestHeader":{},"WSRequestHeader":{},"WSRequestBody":{}}`, ""},
		"a header in two spellings":     {`{"WSRequestHeader":{"System":{"name":"A","correlationID":"1"}},"wsrequestheader":{"System":{"name":"B","correlationID":"1"}},"WSRequestBody":{}}`, ""},
		"a body in two spellings":       {`{"WSRequestHeader":{"System":{"name":"A","correlationID":"1"}},"WSRequestBody":{},"WSREQUESTBODY":{}}`, ""},
		"System in two spellings":       {header(`{"System":{"name":"A","correlationID":"1"},"SYSTEM":{"name":"B","correlationID":"1"}}`), "WSRequestHeader.SYSTEM"},
		"name in two spellings":         {system(`,"Name":"B"`), "WSRequestHeader.System.Name"},
		"correlation in two spellings":  {system(`,"CorrelationID":"2"`), "WSRequestHeader.System.CorrelationID"},
		"Property's name in two":        {header(`{"System":{"name":"A","correlationID":"1"},"Property":[{"name":"a","Name":"b"}]}`), "WSRequestHeader.Property[0].Name"},
		"a member twice in Property":    {header(`{"System":{"name":"A","correlationID":"1"},"Property":[{"x":1,"x":2}]}`), "WSRequestHeader.Property[0].x"},
		"Canal in two spellings":        {`{"WSRequestHeader":{"System":{"name":"A","correlationID":"1"}},"WSRequestBody":{"Audit":{"Canal":"a","canal":"b"}}}`, "WSRequestBody.Audit.canal"},
		"Audit in two spellings":        {`{"WSRequestHeader":{"System":{"name":"A","correlationID":"1"}},"WSRequestBody":{"Audit":{},"audit":{}}}`, "WSRequestBody.audit"},
		"cut off":                       {`{"WSRequestHeader":{"System":{"name":"A","correlationID":"1"}},"WSRequestBody":{}`, ""},
		"data behind it":                {system("") + `{}`, ""},
		"not UTF-8":                     {system(",\"x\":\"\xff\""), ""},
		"deep in Property":              {header(`{"System":{"name":"A","correlationID":"1"},"Property":` + strings.Repeat("[", 40) + strings.Repeat("]", 40) + `}`), ""},
		"deep in a member none knows":   {header(`{"System":{"name":"A","correlationID":"1"},"x":` + strings.Repeat("[", 40) + strings.Repeat("]", 40) + `}`), ""},
		"deep beside the header":        {`{"x":` + strings.Repeat("[", 40) + strings.Repeat("]", 40) + `,"WSRequestHeader":{"System":{"name":"A","correlationID":"1"}},"WSRequestBody":{}}`, ""},
		"too many members":              {header(`{"System":{"name":"A","correlationID":"1"}` + many(1_001, `,"m%d":1`) + `}`), ""},
		"too many items":                {header(`{"System":{"name":"A","correlationID":"1"},"Property":[{}` + many(10_001, `,{}%.0d`) + `]}`), ""},
		"name longer than the contract": {header(`{"System":{"name":"` + strings.Repeat("M", 65) + `","correlationID":"1"}}`), "WSRequestHeader.System.name"},
	} {
		t.Run(name, func(t *testing.T) {
			h, _, broken := Open([]byte(c.raw))
			if len(broken) == 0 {
				t.Fatalf("accepted: %+v", h)
			}
			if c.path != "" && broken[0].Path != c.path {
				t.Errorf("%v, want %s", broken, c.path)
			}
		})
	}
}

// In shadow the body policy went on with the whole envelope as if it were the body.
func TestOpenGoesAsFarAsItCan(t *testing.T) {
	for name, c := range map[string]struct {
		raw  string
		want Header
		body string
	}{
		"no correlation":          {`{"WSRequestHeader":{"System":{"name":"MAX"}},"WSRequestBody":{"a":1}}`, Header{System: "MAX", Enveloped: true}, `{"a":1}`},
		"correlation a number":    {`{"WSRequestHeader":{"System":{"name":"MAX","correlationID":1}},"WSRequestBody":{"a":1}}`, Header{System: "MAX", Enveloped: true}, `{"a":1}`},
		"no name":                 {`{"WSRequestHeader":{"System":{"correlationID":"1"}},"WSRequestBody":{"a":1}}`, Header{Correlation: "1", Enveloped: true}, `{"a":1}`},
		"a name that is too long": {`{"WSRequestHeader":{"System":{"name":"` + strings.Repeat("M", 65) + `","correlationID":"1"}},"WSRequestBody":{"a":1}}`, Header{Correlation: "1", Enveloped: true}, `{"a":1}`},
		"no header":               {`{"WSRequestBody":{"a":1,"Audit":{"Canal":"app"}}}`, Header{Channel: "app", Enveloped: true}, `{"a":1,"Audit":{"Canal":"app"}}`},
		"header null":             {`{"WSRequestHeader":null,"WSRequestBody":{"a":1}}`, Header{Enveloped: true}, `{"a":1}`},
		"System a string":         {`{"WSRequestHeader":{"System":"MAX"},"WSRequestBody":{"a":1}}`, Header{Enveloped: true}, `{"a":1}`},
		"no body":                 {`{"WSRequestHeader":{"System":{"name":"MAX","correlationID":"1"}}}`, Header{System: "MAX", Correlation: "1", Enveloped: true}, ""},
		"a body in two spellings": {`{"WSRequestHeader":{"System":{"name":"MAX","correlationID":"1"}},"WSRequestBody":{},"wsrequestbody":{}}`, Header{}, ""},
		"two channels":            {`{"WSRequestHeader":{"System":{"name":"MAX","correlationID":"1"}},"WSRequestBody":{"Audit":{"Canal":"a","canal":"b"}}}`, Header{System: "MAX", Correlation: "1", Enveloped: true}, ""},
	} {
		h, body, broken := Open([]byte(c.raw))
		if !reflect.DeepEqual(h, c.want) || string(body) != c.body || (body == nil) != (c.body == "") || len(broken) == 0 {
			t.Errorf("%s: %+v %s %v", name, h, body, broken)
		}
	}
}

func many(n int, format string) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, format, i)
	}
	return b.String()
}

// Only ASCII folds: a letter that Unicode folds to s or k is another name, and does not pass for ours.
func TestOpenFoldsASCIIOnly(t *testing.T) {
	h, body, broken := Open([]byte(`{"WSRequestHeader":{"System":{"name":"TIENDA","correlationID":"1"},"ſystem":{"name":"MAX","correlationID":"2"}},"WSRequestBody":{"a":1},"WſRequestBody":{"a":2}}`))
	if h.System != "TIENDA" || h.Correlation != "1" || string(body) != `{"a":1}` || broken != nil {
		t.Errorf("%+v %s %v", h, body, broken)
	}
}

// Whatever comes, Open does not panic, and what it takes for an envelope has a system and a correlation.
func TestOpenNeverGuesses(t *testing.T) {
	piece := rapid.SampledFrom([]string{
		`{`, `}`, `[`, `]`, `:`, `,`, `"`, ` `, `null`, `1`, `{}`, `"WSRequestHeader"`, `"wsrequestheader"`, `"WSRequestBody"`, `"System"`,
		`"name"`, `"NAME"`, `"correlationID"`, `"MAX"`, `"\u0057SRequestHeader"`, "\xff", `{"System":{"name":"MAX","correlationID":"1"}}`,
	})
	rapid.Check(t, func(t *rapid.T) {
		raw := strings.Join(rapid.SliceOfN(piece, 0, 24).Draw(t, "raw"), "")
		h, body, broken := Open([]byte(raw))
		if h.Enveloped && broken == nil && (h.System == "" || h.Correlation == "" || body == nil) {
			t.Fatalf("%s: %+v %q", raw, h, body)
		}
		if !h.Enveloped && broken == nil && string(body) != raw {
			t.Fatalf("%s became %s", raw, body)
		}
	})
}

// A broken rule never holds a value of the request.
func TestOpenNamesNoValue(t *testing.T) {
	_, _, broken := Open([]byte(`{"WSRequestHeader":{"System":{"name":1026578508,"correlationID":null}},"WSRequestBody":{}}`))
	for _, f := range broken {
		if strings.Contains(f.String(), "1026578508") {
			t.Error(f)
		}
	}
	if len(broken) != 2 {
		t.Error([]problem.Field(broken))
	}
}

// A member that only resembled one, such as na_me, was answered as if it were that one.
func TestResponseHasOnlyThePairsSent(t *testing.T) {
	for raw, want := range map[string]string{
		`{"name":"a","value":"b"}`:             "a b",
		`{"NAME":"a","vAlue":null}`:            "a null",
		`{"n\u0061me":"a \"q\"","value":""}`:   `a "q" `,
		`{"na_me":"a","value":"b"}`:            "null b",
		`{"name":"a","na-me":"b","value":"c"}`: "a c",
		`{"na_me":5,"other":{},"value":"b"}`:   "null b",
		`{}`:                                   "null null",
	} {
		got := Response(Header{Property: property(raw)}, time.Time{}, problem.Text{}).Property
		if len(got) != 1 || shown(got[0].Name)+" "+shown(got[0].Value) != want {
			t.Errorf("%s: %v, want %s", raw, got, want)
		}
	}
	if got := Response(Header{}, time.Time{}, problem.Text{}).Property; got == nil || len(got) != 0 {
		t.Error(got)
	}
}

func shown(s *string) string {
	if s == nil {
		return "null"
	}
	return *s
}
