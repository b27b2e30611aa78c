package contract

import (
	"fmt"
	"net/http"
	"net/url"
	"testing"
)

const paramsSpec = `
openapi: 3.0.3
info: {title: Params, version: 1.0.0}
x-sla: {deadline: 5s, availability: 99.9}
security: []
paths:
  /lines/{line}/{page}:
    parameters:
      - {name: line, in: path, required: true, schema: {type: string}}
      - {name: page, in: path, required: true, schema: {type: integer, minimum: 1}}
    get:
      operationId: get
      parameters:
        - {name: line, in: path, required: true, schema: {type: string, pattern: '^SR-[0-9]+$'}}
        - {name: q, in: query, schema: {type: string, maxLength: 3}}
        - {name: full, in: query, schema: {type: boolean}}
        - {name: rate, in: query, schema: {type: number, maximum: 1}}
        - {name: tag, in: query, schema: {type: array, maxItems: 2, uniqueItems: true, items: {type: string, minLength: 1}}}
        - {name: ids, in: query, explode: false, schema: {type: array, items: {type: integer}}}
        - {name: x-channel, in: header, required: true, schema: {type: string, enum: [web, app]}}
      responses: {'204': {description: done}}
`

func TestParams(t *testing.T) {
	d, err := Load([]byte(paramsSpec))
	if err != nil {
		t.Fatal(err)
	}
	params := d.Operations[0].Params
	for _, test := range []struct {
		line, page, query string
		channel           []string
		want              string
	}{
		{"SR-1", "1", "q=abc&full=true&rate=0.5&tag=a&tag=b&ids=1,2&other=x", []string{"web"}, "[]"},
		{"XX", "0", "", nil, "[header.x-channel is required path.line must match ^SR-[0-9]+$ path.page must be at least 1]"},
		{"", "", "", []string{"fax"}, "[path.line is required path.page is required header.x-channel must be one of web, app]"},
		{"SR-1", "01", "q=", []string{"web"}, "[path.page must be an integer]"},
		{"SR-1", "1.0", "q=a&q=b", []string{"web", "app"}, "[path.page must be an integer query.q is given more than once header.x-channel is given more than once]"},
		{"SR-1", "+1", "full=1", []string{"web"}, "[path.page must be an integer query.full must be true or false]"},
		{"SR-1", "١", "rate=1e1", []string{"web"}, "[path.page must be an integer query.rate must be at most 1]"},
		{"SR-1", "1", "rate=0x1&rate2=x", []string{"web"}, "[query.rate must be a number]"},
		{"SR-1", "1", "q=%ff", []string{"web"}, "[query.q must be UTF-8]"},
		{"SR-1", "1", "q=%0d%0a", []string{"web"}, "[query.q must not have control characters]"},
		{"SR-1", "1", "tag=&tag=a&tag=a", []string{"web"}, "[query.tag must not have the same item twice query.tag must have at most 2 items query.tag[0] must not be empty]"},
		{"SR-1", "1", "ids=1,x,", []string{"web"}, "[query.ids[1] must be an integer query.ids[2] must be an integer]"},
	} {
		query, err := url.ParseQuery(test.query)
		if err != nil {
			t.Fatal(err)
		}
		path := func(name string) string { return map[string]string{"line": test.line, "page": test.page}[name] }
		got := fmt.Sprint(params.Read(path, query, http.Header{"X-Channel": test.channel}))
		if got != test.want {
			t.Errorf("%+v\ngot %s", test, got)
		}
	}
}
