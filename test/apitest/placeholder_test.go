package apitest

import (
	"errors"
	"maps"
	"net/http"
	"strings"
	"testing"
)

func TestMatch(t *testing.T) {
	for name, c := range map[string]struct {
		known    placeholders
		template string
		text     string
		met      placeholders // nil: differs
	}{
		"the same":                  {nil, "a.b", "a.b", placeholders{}},
		"a dot is a dot":            {nil, "a.b", "axb", nil},
		"more behind":               {nil, "a", "ab", nil},
		"a line more":               {nil, "a", "a\n", nil},
		"any":                       {nil, `{"a":"{{any}}"}`, `{"a":"x y"}`, placeholders{}},
		"any is not empty":          {nil, `{"a":"{{any}}"}`, `{"a":""}`, nil},
		"any stays in its string":   {nil, `{"a":"{{any}}"}`, `{"a":"x","b":"y"}`, nil},
		"any twice":                 {nil, "{{any}}-{{any}}", "1-2", placeholders{}},
		"a name":                    {nil, "{{id}}!", "7!", placeholders{"id": "7"}},
		"a name twice, the same":    {nil, "{{id}},{{id}}", "7,7", placeholders{"id": "7"}},
		"a name twice, not so":      {nil, "{{id}},{{id}}", "7,8", nil},
		"a name that is known":      {placeholders{"id": "7"}, "{{id}}", "7", placeholders{"id": "7"}},
		"a name that is another":    {placeholders{"id": "7"}, "{{id}}", "8", nil},
		"a pattern":                 {nil, "{{id:[A-Z]+-[0-9]{2}}}", "AB-12", placeholders{"id": "AB-12"}},
		"a pattern that differs":    {nil, "{{id:[A-Z]+-[0-9]{2}}}", "AB-1", nil},
		"a pattern before braces":   {nil, `{"a":{"b":"{{id:[0-9]{2}}}"}}`, `{"a":{"b":"12"}}`, placeholders{"id": "12"}},
		"a name before braces":      {nil, `{"a":{"b":{{n}}}}`, `{"a":{"b":12}}`, placeholders{"n": "12"}},
		"what looks like one":       {nil, `{"a":{"b":1}}`, `{"a":{"b":1}}`, placeholders{}},
		"what begins and never end": {nil, `{{x`, `{{x`, placeholders{}},
	} {
		p := maps.Clone(c.known)
		if p == nil {
			p = placeholders{}
		}
		err := p.match(c.template, c.text)
		if (err == nil) != (c.met != nil) || err == nil && !maps.Equal(p, c.met) {
			t.Errorf("%s: %v, met %v", name, err, p)
		}
		if err != nil && !maps.Equal(p, c.known) {
			t.Errorf("%s: remembers %v of what differs", name, p)
		}
	}
	if err := (placeholders{}).match("{{id:(a|b)}}", "a"); err == nil {
		t.Error("a pattern with groups")
	}
}

func TestFill(t *testing.T) {
	p := placeholders{"id": "7"}
	for template, want := range map[string]string{"": "", "a{{id}}b": "a7b", "{{x*3}}": "xxx", "{{id}}{{ab*2}}": "7abab"} {
		if got, err := p.fill(template); err != nil || got != want {
			t.Errorf("%s: %q %v", template, got, err)
		}
	}
	for _, template := range []string{"{{unknown}}", "{{any}}", "{{x*y}}"} {
		if got, err := p.fill(template); err == nil {
			t.Errorf("%s: %q", template, got)
		}
	}
}

func TestCompare(t *testing.T) {
	want := message{start: "200 OK", header: []field{{"X-A", "{{any}}"}, {"X-None", ""}}, body: "{\"a\": 1,\n  \"b\": [1, 2]}"}
	got := func(change func(*received)) *received {
		r := &received{start: "200 OK", header: http.Header{"X-A": {"1"}, "X-Other": {"2"}}, body: []byte(`{"a":1,"b":[1,2]}`)}
		change(r)
		return r
	}
	for name, c := range map[string]struct {
		change func(*received)
		want   string
	}{
		"the same":           {func(*received) {}, ""},
		"another status":     {func(r *received) { r.start = "201 Created" }, "start: differs"},
		"no header":          {func(r *received) { r.header.Del("X-A") }, "header X-A: 0 values"},
		"a header twice":     {func(r *received) { r.header.Add("X-A", "2") }, "header X-A: 2 values"},
		"a header too many":  {func(r *received) { r.header.Set("X-None", "x") }, "header X-None: is there"},
		"members in another": {func(r *received) { r.body = []byte(`{"b":[1,2],"a":1}`) }, "body: differs"},
		"layout":             {func(r *received) { r.body = []byte(`{"a": 1,"b":[1,2]}`) }, "from byte 5"},
		"another casing":     {func(r *received) { r.body = []byte(`{"A":1,"b":[1,2]}`) }, "body: differs"},
		"a line feed behind": {func(r *received) { r.body = append(r.body, '\n') }, "body: differs"},
		"a member more":      {func(r *received) { r.body = []byte(`{"a":1,"b":[1,2],"c":3}`) }, "body: differs"},
	} {
		err := placeholders{}.compare(&want, got(c.change))
		if (err == nil) != (c.want == "") || err != nil && (!strings.Contains(err.Error(), c.want) || c.want == "body: differs" && !errors.Is(err, errDiffers)) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestCompact(t *testing.T) {
	for text, want := range map[string]string{
		"{\"a\": 1,\n \"b\": [1, 2]}":                         `{"a":1,"b":[1,2]}`,
		`{"a": {{n:[0-9]+}}, "b": "x {{any}} y", "c": {{n}}}`: `{"a":{{n:[0-9]+}},"b":"x {{any}} y","c":{{n}}}`,
		`{"a": "é \u003c"}`:                                   `{"a":"é \u003c"}`,
		"plain, text":                                         "plain, text",
		`{"a": `:                                              `{"a": `,
	} {
		if got := compact(text); got != want {
			t.Errorf("%s: %s", text, got)
		}
	}
}
