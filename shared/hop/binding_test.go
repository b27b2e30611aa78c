package hop

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"puente/shared/problem"
)

func TestDecodeNamesWhatDoesNotFit(t *testing.T) {
	for name, c := range map[string]struct {
		path   map[string]string
		target string
		header string
		want   problem.Field
	}{
		"a path number":          {map[string]string{"line": "SR-1", "number": "x"}, "/", "", problem.Field{Path: "path.number", Rule: "must be a integer"}},
		"a path number too long": {map[string]string{"line": "SR-1", "number": "9223372036854775808"}, "/", "", problem.Field{Path: "path.number", Rule: "must be a integer"}},
		"a query number":         {map[string]string{"line": "SR-1", "number": "1"}, "/?depth=deep", "", problem.Field{Path: "query.depth", Rule: "must be a integer"}},
		"a header flag":          {map[string]string{"line": "SR-1", "number": "1"}, "/", "maybe", problem.Field{Path: "header.X-Fresh", Rule: "must be a boolean"}},
	} {
		r := httptest.NewRequest(http.MethodGet, c.target, nil)
		if c.header != "" {
			r.Header.Set("X-Fresh", c.header)
		}
		err := NewDecoder[noteRequest]().Decode(new(noteRequest), func(name string) string { return c.path[name] }, r, nil)
		e := problem.Of(err)
		if e == nil || e.Kind != problem.Invalid || len(e.Fields) != 1 || e.Fields[0] != c.want {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestDecodeOfABodyThatIsNone(t *testing.T) {
	r := httptest.NewRequest(http.MethodPost, "/", nil)
	for _, body := range []string{`[]`, `{"text":1}`, `{"text":"a","text":"b"}`, `{`} {
		if err := NewDecoder[note]().Decode(new(note), nil, r, []byte(body)); problem.Of(err) == nil || problem.Of(err).Kind != problem.Invalid {
			t.Errorf("%s: %v", body, err)
		}
	}
	var in note
	if err := NewDecoder[note]().Decode(&in, nil, r, []byte(`{"text":"x","unknown":1,"Text":"y"}`)); err != nil || in.Text != "x" {
		t.Errorf("members that none knows: %+v %v", in, err)
	}
}
