package contract

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"pgregory.net/rapid"

	"puente/shared/problem"
)

func TestReadIsTolerantWhereTheContractSaysSo(t *testing.T) {
	check := load(t, "keywords.yaml").Operation("putTolerant").Body
	const rest = `"userIdentifier":"1","kind":"A","text":"x"`
	for _, test := range []struct{ body, canonical, broken string }{
		{`{"pricepointId":7,` + rest + `}`, `{"pricepointId":7,` + rest + `}`, "[]"},
		{`{"pricePointId": "7" ,` + rest + `}`, `{"pricepointId": 7 ,` + rest + `}`, "[]"},
		{`{"pricepointID":"007",` + rest + `}`, `{"pricepointId":7,` + rest + `}`, "[]"},
		{`{"PRICEPOINTID":"\u0037\u0030",` + rest + `}`, `{"pricepointId":70,` + rest + `}`, "[]"},
		{`{"pricepointId":"9223372036854775807",` + rest + `}`, `{"pricepointId":9223372036854775807,` + rest + `}`, "[]"},
		{`{"largeAccount":"8888","TYPE":"B","pricepointId":1,"userIdentifier":"1","text":"x"}`,
			`{"shortCode":"8888","kind":"B","pricepointId":1,"userIdentifier":"1","text":"x"}`, "[]"},
		{`{"LARGEaccount":"8888","other":"1","pricepointId":1,` + rest + `}`, `{"shortCode":"8888","other":"1","pricepointId":1,` + rest + `}`, "[]"},
		{`{"ids":["1",null,"02"],"pricepointId":1,` + rest + `}`, `{"ids":[1,null,2],"pricepointId":1,` + rest + `}`, "[]"},
		{`{"grade": 7 ,"pricepointId":1,` + rest + `}`, `{"grade": "7" ,"pricepointId":1,` + rest + `}`, "[]"},
		{`{"GRADE":"07","pricepointId":1,` + rest + `}`, `{"grade":"07","pricepointId":1,` + rest + `}`, "[]"},
		{`{"grade":700,"pricepointId":1,` + rest + `}`, `{"grade":"700","pricepointId":1,` + rest + `}`, "[grade must match ^[0-9A-Z]{1,2}$]"},
		{`{"grade":"","pricepointId":1,` + rest + `}`, `{"grade":"","pricepointId":1,` + rest + `}`, "[grade must match ^[0-9A-Z]{1,2}$]"},
		{`{"grade":-7,"pricepointId":1,` + rest + `}`, `{"grade":-7,"pricepointId":1,` + rest + `}`, "[grade must be a string, or an integer in digits only]"},
		{`{"grade":7.0,"pricepointId":1,` + rest + `}`, `{"grade":7.0,"pricepointId":1,` + rest + `}`, "[grade must be a string, or an integer in digits only]"},
		{`{"grade":true,"pricepointId":1,` + rest + `}`, `{"grade":true,"pricepointId":1,` + rest + `}`, "[grade must be a string, or an integer in digits only]"},
		{`{"shortcode":"8888","largeAccount":"8888"}`, ``, "[largeAccount is given twice, in different spellings]"},
		{`{"shortCode":"8888","shortcode":"8888"}`, ``, "[shortcode is given twice, in different spellings]"},
		{`{"pricepointId":"9223372036854775808",` + rest + `}`, `{"pricepointId":9223372036854775808,` + rest + `}`, "[pricepointId must fit 64 bits]"},
		{`{"pricepointId":"0",` + rest + `}`, `{"pricepointId":0,` + rest + `}`, "[pricepointId must be at least 1]"},
	} {
		canonical, broken := check.Read([]byte(test.body), Limits{})
		if string(canonical) != test.canonical || fmt.Sprint(broken) != test.broken {
			t.Errorf("%s\ngot %s %v", test.body, canonical, broken)
		}
	}
	for _, value := range []string{`-7`, `+7`, `7.0`, `7e0`, `"-7"`, `"+7"`, `"7.0"`, `"7e0"`, `" 7"`, `"7 "`, `"0x7"`, `"seven"`, `"٧"`, `true`, `{}`, `["7"]`} {
		_, broken := check.Read([]byte(`{"pricepointId":`+value+`,`+rest+`}`), Limits{})
		if value == "+7" {
			if len(broken) == 0 || broken[0].Breach != problem.Unreadable {
				t.Errorf("%s: %v", value, broken)
			}
			continue
		}
		if fmt.Sprint(broken) != "[pricepointId must be an integer in digits only]" || broken[0].Breach != problem.Wrong {
			t.Errorf("%s: %v", value, broken)
		}
	}
}

// What a dialect makes of the fields it is told does not depend on how the caller ordered its body.
func TestBreachesAreToldInTheOrderOfTheDocument(t *testing.T) {
	check := load(t, "keywords.yaml").Operation("putTolerant").Body
	for _, test := range []struct{ body, want string }{
		{`{}`, "[userIdentifier:1 pricepointId:1 kind:1 text:1]"},
		{`{"shortCode":1,"text":null,"kind":"a","pricePointId":"","USERidentifier":""}`, "[USERidentifier:1 pricePointId:1 text:1 kind:0 shortCode:0]"},
		{`{"text":"","shortCode":"","kind":"","pricepointId":null,"ids":"","userIdentifier":"1"}`, "[pricepointId:1 text:1 shortCode:0 ids:0]"}, // kind may be empty
		{`{"ids":[-1,"x"],"shortCode":null,"pricepointId":"x","text":7}`, "[userIdentifier:1 kind:1 pricepointId:0 text:0 shortCode:0 ids[0]:0 ids[1]:0]"},
		{`{"text":7,"text":8}`, "[text:2 text:0]"},
		{`{"text":7,`, "[body:2 text:0]"},
		{`{"text":7} x`, "[body:2 userIdentifier:1 pricepointId:1 kind:1 text:0]"},
	} {
		_, broken := check.Read([]byte(test.body), Limits{})
		got := make([]string, len(broken))
		for i, f := range broken {
			got[i] = fmt.Sprint(f.Path, ":", f.Breach)
		}
		if fmt.Sprint(got) != test.want {
			t.Errorf("%s\ngot  %v\nwant %s", test.body, got, test.want)
		}
	}

	// A field is told as the caller wrote it, and as the contract does.
	_, spelt := check.Read([]byte(`{"LARGEACCOUNT":"1","userIdentifier":"1","type":"a","pricepointId":1,"text":"x","IDS":["x"]}`), Limits{})
	var names []string
	for _, f := range spelt {
		names = append(names, f.Path+"="+f.Proper())
	}
	if got := fmt.Sprint(names); got != "[type=kind LARGEACCOUNT=shortCode IDS[0]=ids[0]]" {
		t.Errorf("%s", got)
	}

	// Twenty faults of another kind leave no missing member untold.
	_, broken := check.Read([]byte(`{"ids":[`+strings.Repeat(`"x",`, 30)+`"x"]}`), Limits{})
	if len(broken) != maxBroken || broken[0].Path != "userIdentifier" || broken[3].Path != "text" || broken[4].Path != "ids[0]" {
		t.Errorf("%v", broken)
	}
	pairs := []string{`"ids":[-1]`, `"shortCode":null`, `"pricepointId":"x"`, `"text":7`}
	_, want := check.Read([]byte("{"+strings.Join(pairs, ",")+"}"), Limits{})
	rapid.Check(t, func(t *rapid.T) {
		body := "{" + strings.Join(rapid.Permutation(pairs).Draw(t, "members"), ",") + "}"
		if _, got := check.Read([]byte(body), Limits{}); !slices.Equal(got, want) {
			t.Fatalf("%s\ngot  %v\nwant %v", body, got, want)
		}
	})
}

// The canonical body has the same members as the one that was sent, each under its own name and with the
// same value; kin-openapi cannot tell.
func TestCanonicalBodiesMeanTheSame(t *testing.T) {
	check := load(t, "keywords.yaml").Operation("putTolerant").Body
	spellings := map[string][]string{
		"userIdentifier": {"userIdentifier", "USERIDENTIFIER"}, "pricepointId": {"pricepointId", "pricePointId", "pricepointID", "PricePointID"},
		"kind": {"kind", "type", "Type"}, "text": {"text", "TEXT"}, "shortCode": {"shortCode", "shortcode", "largeAccount", "LARGEACCOUNT"},
	}
	rapid.Check(t, func(t *rapid.T) {
		id := rapid.Int64Min(1).Draw(t, "id")
		want := map[string]any{"userIdentifier": "56912345678", "pricepointId": id, "kind": "A", "text": "a\n", "shortCode": "8888"}
		var members []string
		for _, name := range rapid.Permutation(slices.Sorted(maps.Keys(want))).Draw(t, "order") {
			text, _ := json.Marshal(want[name])
			if name == "pricepointId" && rapid.Bool().Draw(t, "quoted") {
				text = []byte(drawQuoted(t, strings.Repeat("0", rapid.IntRange(0, 3).Draw(t, "zeros"))+string(text)))
			}
			members = append(members, drawQuoted(t, rapid.SampledFrom(spellings[name]).Draw(t, "spelling"))+":"+string(text))
		}
		body := "{" + strings.Join(members, drawComma(t)) + "}"
		canonical, broken := check.Read([]byte(body), Limits{})
		var got struct {
			UserIdentifier, Kind, Text, ShortCode string
			PricepointID                          int64
		}
		if err := json.Unmarshal(canonical, &got, json.MatchCaseInsensitiveNames(true)); err != nil || broken != nil {
			t.Fatalf("%s: %v, %v", body, err, broken)
		}
		there := map[string]any{"userIdentifier": got.UserIdentifier, "pricepointId": got.PricepointID, "kind": got.Kind, "text": got.Text, "shortCode": got.ShortCode}
		if !reflect.DeepEqual(there, want) {
			t.Fatalf("%s became %s", body, canonical)
		}
	})
}
