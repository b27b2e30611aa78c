package contract

import (
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"pgregory.net/rapid"
)

func TestFormsHaveOneReading(t *testing.T) {
	for form, want := range map[string]string{
		``:                     `{}`,
		`a=1`:                  `{"a":"1"}`,
		`a=1&b=x+y%20z%2B&&c=`: `{"a":"1","b":"x y z+"}`, // no value: absent (RFC 6749 §3.2)
		`a`:                    `{}`,
		`a=b=c`:                `{"a":"b=c"}`,
		`a=%22%5C`:             `{"a":"\"\\"}`,
		`a=%C3%B1`:             `{"a":"ñ"}`,
		`a=x%0D%0Ay`:           `{"a":"x\r\ny"}`,
		`a=1&a=1`:              `a is given twice`,
		`a=&a=1`:               `a is given twice`,
		`a=1&%61=2`:            `a is given twice`,
		`=1`:                   `body is not a form: the name of a parameter is empty or not encoded`,
		`%zz=1`:                `body is not a form: the name of a parameter is empty or not encoded`,
		`a=%`:                  `a must be percent-encoded UTF-8 without control characters`,
		`a=%FF`:                `a must be percent-encoded UTF-8 without control characters`,
		`a=%00`:                `a must be percent-encoded UTF-8 without control characters`,
		`a=1;b=2`:              `a must be percent-encoded UTF-8 without control characters`,
		`a=123456789`:          `a is longer than 8 bytes`,
		`123456789=1`:          `body has a name longer than 8 bytes`,
		`a=1&b=2&c=3&d=4`:      `body has more than 3 members`,
	} {
		object, broken := ReadForm([]byte(form), Limits{String: 8, Members: 3})
		got := string(object)
		if object == nil {
			got = fmt.Sprint(broken[0])
		}
		if got != want || (object == nil) != (len(broken) == 1) {
			t.Errorf("%s: %s %v, want %s", form, got, broken, want)
		}
	}
}

// Whatever net/url encodes is read back as it was.
func TestFormsAreReadAsTheyWereMeant(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringOf(rapid.RuneFrom([]rune(`aZ0 &=+%;"\ñ😀`)))
		meant := rapid.MapOfN(text.Filter(func(s string) bool { return s != "" }), text, 0, 6).Draw(t, "form")
		values, want := url.Values{}, map[string]string{}
		for name, value := range meant {
			values.Set(name, value)
			if value != "" {
				want[name] = value
			}
		}
		object, broken := ReadForm([]byte(values.Encode()), Limits{})
		got := map[string]string{}
		if err := json.Unmarshal(object, &got); err != nil || len(broken) > 0 {
			t.Fatalf("%s: %s: %v, %v", values.Encode(), object, err, broken)
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Fatalf("%s: %v, want %v", values.Encode(), got, want)
		}
	})
}

func TestAFormsCheckReadsItsJSON(t *testing.T) {
	const schema = "{type: object, required: [grant_type], properties: {grant_type: {type: string, enum: [client_credentials]}, client_secret: {type: string, x-pii: drop}}}"
	spec := fmt.Sprintf(skeleton, "", "x-sla: {deadline: 1s, availability: 99}\nsecurity: []", "operationId: p", schema, "responses: {'303': {description: d}}")
	d, err := Load([]byte(strings.Replace(spec, "application/json", FormMedia, 1)))
	if err != nil {
		t.Fatal(err)
	}
	op := d.Operation("p")
	if !op.Form || op.MediaType != FormMedia || op.Status != 303 {
		t.Errorf("%+v", op)
	}
	object, _ := ReadForm([]byte("client_secret=s&grant_type="), Limits{})
	if _, broken := op.Body.Read(object, Limits{}); len(broken) != 1 || broken[0].String() != "grant_type is required" {
		t.Errorf("%v", broken)
	}
	if masked := op.Body.Mask(nil, object, Masking{}); strings.Contains(string(masked), `"s"`) {
		t.Errorf("masked: %s", masked)
	}
}
