package contract

import (
	"fmt"
	"strings"
	"sync"
	"testing"
)

func TestReadSaysWhatIsBroken(t *testing.T) {
	d := load(t, "keywords.yaml")
	for _, test := range []struct{ operation, body, want string }{
		{"putTexts", `{"plain":"x","digits":"0123456789"}`, "[]"},
		{"putTexts", ``, "[body is empty]"},
		{"putTexts", ` `, "[body is empty]"},
		{"putTexts", `null`, "[body must not be null]"},
		{"putTexts", `[]`, "[body must be an object]"},
		{"putTexts", `{"plain":"x","digits":"0123456789"`, "[body is not JSON at byte 34]"},
		{"putTexts", `{"plain":"x",}`, "[body is not JSON at byte 12]"},
		{"putTexts", `{} {}`, "[body is followed by more data plain is required digits is required]"},
		{"putTexts", `{"plain":"x","digits":"1"} x`, "[body is not JSON at byte 27 digits must match ^[0-9]{10}$]"},
		{"putTexts", "{\"plain\":\"\xff\"}", "[body is not JSON at byte 10]"},
		{"putTexts", `{"plain":"x","choice":"BLUE","plain":"y"}`, "[plain is given twice choice must be one of RED, GREEN, azul marino]"},
		{"putTexts", `{"choice":1,"short":"","plain":null,"four":"::1"}`,
			"[plain must not be null digits is required short must not be empty choice must be a string four must be an IPv4 address]"},
		{"putNumbers", `{"whole":1.5,"small":2147483648,"big":9223372036854775808,"bounded":10,"open":1,"five":9007199254740993,"choice":3,"yes":false}`,
			"[whole must be an integer small must fit 32 bits big must fit 64 bits bounded must be at most 9 open must be less than 1 five must be a multiple of 5 choice must be one of 1, 2, 2.5 yes must be true]"},
		{"putNumbers", `{"big":9223372036854775807,"whole":1.0,"bounded":1e0}`, "[]"},
		{"putArrays", `{"texts":[],"unique":[{"a":1,"b":2},{"b":2,"a":1}],"nested":[[1],["x",2,null]]}`,
			"[texts must have at least 1 items unique must not have the same item twice nested[1][0] must be an integer nested[1][2] must not be null]"},
		{"putObjects", `{"open":{},"closed":{"id":"1","more":1},"prices":{"a":-1},"few":{},"anything":null}`,
			"[open.id is required closed.more is not known here prices.a must be at least 0 few must have at least 1 members anything must not be null]"},
		{"putObjects", `{"prices":{"a\u0000b":"x","a b":1.5,"":null}}`,
			`[prices."a\x00b" must be an integer prices."a b" must be an integer prices."" must not be null]`},
		{"putTree", `{"name":"a","children":[{"name":"b"},{"left":{"name":""}}]}`, "[children[1].name is required children[1].left.name must not be empty]"},
		{"putComposed", `{"kind":"C","colour":"blue"}`, "[id is required kind must be one of A, B colour must be one of red, green]"},
	} {
		_, broken := d.Operation(test.operation).Body.Read([]byte(test.body), Limits{})
		if got := fmt.Sprint(broken); got != test.want {
			t.Errorf("%s\ngot  %s\nwant %s", test.body, got, test.want)
		}
	}
}

func TestReadReportsAtMostTwentyAndStillReadsOn(t *testing.T) {
	check := load(t, "keywords.yaml").Operation("putArrays").Body
	body := `{"nested":[["` + strings.Repeat(`","`, 50) + `"]]}`
	canonical, broken := check.Read([]byte(body), Limits{})
	if len(broken) != maxBroken || canonical == nil {
		t.Errorf("%d fields, canonical %s", len(broken), canonical)
	}
	canonical, broken = check.Read([]byte(body+"x"), Limits{})
	if len(broken) != maxBroken || !strings.Contains(broken[0].Rule, "is not JSON") || canonical != nil {
		t.Errorf("%v, canonical %s", broken, canonical)
	}
}

func TestReadFoldsNames(t *testing.T) {
	check := load(t, "keywords.yaml").Operation("putFolded").Body
	for _, test := range []struct{ body, canonical, broken string }{
		{`{"System":{"name":"a","correlationID":"b"}}`, `{"System":{"name":"a","correlationID":"b"}}`, "[]"},
		{`{"SYSTEM": {"Name":"a","CORRELATIONid":"b"}, "property":[{"NAME":"x","Value":null}], "Other":1}`,
			`{"System": {"name":"a","correlationID":"b"}, "Property":[{"name":"x","value":null}], "Other":1}`, "[]"},
		{`{"S\u0079stem":{"n\u0041me":"a","correlationID":"b"}}`, `{"S\u0079stem":{"name":"a","correlationID":"b"}}`, "[]"},
		{`{"system":{"NAME":1,"correlationID":"b"}}`, `{"System":{"name":1,"correlationID":"b"}}`, "[system.NAME must be a string]"},
		{`{"system":{"name":"a","Name":"b"}}`, ``, "[system.Name is given twice, in different spellings]"},
		{`{"other":1,"Other":2}`, ``, "[Other is given twice, in different spellings]"},
		{`{"ſystem":{},"System":{"name":"a","correlationID":"b"}}`, `{"ſystem":{},"System":{"name":"a","correlationID":"b"}}`, "[]"},
	} {
		body := []byte(test.body)
		canonical, broken := check.Read(body, Limits{})
		if string(canonical) != test.canonical || fmt.Sprint(broken) != test.broken {
			t.Errorf("%s\ngot %s %v", test.body, canonical, broken)
		}
		if string(body) != test.body {
			t.Errorf("Read changed the body to %s", body)
		}
	}
}

func TestReadHoldsTheLimitsExactly(t *testing.T) {
	check := load(t, "keywords.yaml").Operation("putObjects").Body
	nested := func(depth int) string {
		return `{"anything":` + strings.Repeat("[", depth-1) + strings.Repeat("]", depth-1) + `}`
	}
	members := func(n int) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, `,"m%d":0`, i)
		}
		return `{"anything":{` + b.String()[1:] + `}}`
	}
	items := func(n int) string { return `{"anything":[0` + strings.Repeat(",0", n-1) + `]}` }
	text := func(n int) string { return `{"anything":"` + strings.Repeat("x", n) + `"}` }
	name := func(n int) string { return `{"anything":{"` + strings.Repeat("x", n) + `":0}}` }
	for _, test := range []struct {
		what  string
		body  func(int) string
		limit int
		rule  string
	}{
		{"depth", nested, 32, "is nested deeper than 32 levels"},
		{"members", members, 1_000, "has more than 1000 members"},
		{"items", items, 10_000, "has more than 10000 items"},
		{"string", text, 1 << 20, "is longer than 1048576 bytes"},
		{"name", name, 1 << 20, "has a name longer than 1048576 bytes"},
	} {
		t.Run(test.what, func(t *testing.T) {
			if canonical, broken := check.Read([]byte(test.body(test.limit)), Limits{}); len(broken) > 0 || canonical == nil {
				t.Errorf("at the limit: %v", broken)
			}
			canonical, broken := check.Read([]byte(test.body(test.limit+1)), Limits{})
			if len(broken) != 1 || broken[0].Rule != test.rule || canonical != nil {
				t.Errorf("beyond: %v", broken)
			}
		})
	}
	if _, broken := check.Read([]byte(`{"anything":[1,2,3]}`), Limits{Items: 2}); fmt.Sprint(broken) != "[anything has more than 2 items]" {
		t.Errorf("a limit of one's own: %v", broken)
	}
}

func TestReadNeverNamesAValue(t *testing.T) {
	const canary = "3009998877"
	for _, op := range load(t, "keywords.yaml").Operations {
		for _, m := range append(op.Body.root.node.object.members, member{name: "x"}) {
			for _, value := range []string{`"` + canary + `"`, canary, `["` + canary + `"]`, `{"a":"` + canary + `"}`} {
				_, broken := op.Body.Read([]byte(`{"`+m.name+`":`+value+`}`), Limits{})
				if strings.Contains(fmt.Sprint(broken), canary) {
					t.Errorf("%s: %v", m.name, broken)
				}
			}
		}
	}
}

func TestReadIsSafeForConcurrentUse(t *testing.T) {
	check := load(t, "keywords.yaml").Operation("putFolded").Body
	var group sync.WaitGroup
	for i := range 8 {
		group.Go(func() {
			want := fmt.Sprintf(`{"System":{"name":"%d","correlationID":%d}}`, i, i)
			for range 500 {
				canonical, broken := check.Read(fmt.Appendf(nil, `{"SYSTEM":{"NAME":"%d","correlationid":%d}}`, i, i), Limits{})
				if string(canonical) != want || len(broken) != 1 || broken[0].Path != "SYSTEM.correlationid" {
					t.Errorf("got %s %v, want %s", canonical, broken, want)
					return
				}
			}
		})
	}
	group.Wait()
}

// What is inside a required envelope folds as the envelope says, and what its Audit holds beyond the
// contract is kept for the audit trail.
func TestEnclosedBody(t *testing.T) {
	check := load(t, "keywords.yaml").Operation("putEnclosed").Body
	canonical, broken := check.Read([]byte(`{"PHONE":"3000000019","more":1,"audit":{"canal":"web","ip_address":"192.0.2.1","Mood":"good"}}`), Limits{})
	if want := `{"Phone":"3000000019","more":1,"Audit":{"Canal":"web","IP_Address":"192.0.2.1","Mood":"good"}}`; string(canonical) != want || broken != nil {
		t.Errorf("%s %v, want %s", canonical, broken, want)
	}
	got := string(check.Mask(nil, canonical, Masking{Mask: func(string) string { return "*" }}))
	if want := `{"Phone":"*","Audit":{"Canal":"web","IP_Address":"*","Mood":"good"}}`; got != want {
		t.Errorf("masked %s, want %s", got, want)
	}
	_, broken = check.Read([]byte(`{"Phone":"3000000019","Audit":{"IP_Address":"10.0.0.256"}}`), Limits{})
	if len(broken) != 1 || broken[0].String() != "Audit.IP_Address must be an IPv4 or IPv6 address, or empty" {
		t.Errorf("%v", broken)
	}
}
