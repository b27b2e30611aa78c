package apitest

import (
	"strings"
	"testing"
)

func TestParse(t *testing.T) {
	c, err := parse("testdata/nested.txtar", []byte(`# While the first runs, the second.
-- request --
POST /a?b=c
X-One: 1
X-None:

{"a": 1}

-- botservice request --
GET /x
-- sql --
SELECT 1
-- request --
POST /a
-- response --
409 Conflict
-- botservice response --
hang
-- response --
200 OK
Content-Type: application/json

{}
-- request --
GET /b
-- response --
204 No Content
`))
	if err != nil {
		t.Fatal(err)
	}
	if c.name != "nested" || len(c.steps) != 2 {
		t.Fatalf("%+v", c)
	}
	x := c.steps[0].exchange
	if m := x.request; m.start != "POST /a?b=c" || len(m.header) != 2 || m.header[1] != (field{"X-None", ""}) || m.body != "{\"a\": 1}\n" || m.at != "testdata/nested.txtar:2" {
		t.Errorf("request %+v", m)
	}
	if len(x.calls) != 1 || x.calls[0].target != "botservice" || x.calls[0].response.start != hang || len(x.calls[0].meanwhile) != 2 {
		t.Fatalf("calls %+v", x.calls)
	}
	if m := x.calls[0].meanwhile; m[0].sql.text != "SELECT 1\n" || m[1].exchange.response.status() != 409 {
		t.Errorf("meanwhile %+v", m)
	}
	if m := x.response; m.status() != 200 || m.body != "{}" {
		t.Errorf("response %+v", m)
	}
}

func TestParseRefuses(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"and after nothing":         {"# C\n-- request --\nGET /\n-- and b request --\nGET /\n-- b response --\n200 OK\n-- response --\n200 OK\n", `"and b request" follows no call`},
		"no comment":                {"-- request --\nGET /\n-- response --\n200 OK\n", "f.txtar:1: a comment"},
		"nothing":                   {"# Shows nothing.\n", "f.txtar:1: no request"},
		"no response":               {"# c\n-- request --\nGET /\n", `f.txtar:2: has no "response"`},
		"a call without response":   {"# c\n-- request --\nGET /\n-- a request --\nGET /\n-- response --\n200 OK\n", `f.txtar:4: has no "a response"`},
		"a response too many":       {"# c\n-- request --\nGET /\n-- response --\n200 OK\n-- response --\n200 OK\n", `f.txtar:6: "response" does not belong here`},
		"another target's response": {"# c\n-- request --\nGET /\n-- a request --\nGET /\n-- b response --\n200 OK\n-- response --\n200 OK\n", `has no "a response"`},
		"no method":                 {"# c\n-- request --\n/x\n-- response --\n200 OK\n", "must begin with METHOD /target"},
		"another reason":            {"# c\n-- request --\nGET /\n-- response --\n200 Fine\n", "must begin with a status such as 200 OK"},
		"an API that hangs":         {"# c\n-- request --\nGET /\n-- response --\nhang\n", "must begin with a status"},
		"no header line":            {"# c\n-- request --\nGET /\nno header\n-- response --\n200 OK\n", "is no header line"},
	} {
		_, err := parse("f.txtar", []byte(c.text))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
