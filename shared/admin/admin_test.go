package admin_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"puente/shared/admin"
	"puente/shared/config"
	"puente/shared/problem"
)

var root = admin.Actor{Name: "root", Role: admin.Admin}

func TestPutIsIdempotentAndAudited(t *testing.T) {
	o := newOffice()
	spec := json.RawMessage(`{"requests": 1000, "window": "60s"}`)

	for i, want := range []admin.Outcome{admin.OutcomeCreated, admin.OutcomeUnchanged} {
		got, err := o.Put(t.Context(), root, "plans", "gold", spec)
		if err != nil || got.Outcome != want {
			t.Fatalf("put %d: %v, %v; want %s", i, got, err, want)
		}
	}
	changes := o.audited()
	if len(changes) == 1 && (changes[0].Actor != root || changes[0].String() != "created plans/gold nothing → "+changes[0].After) {
		t.Errorf("audited %s by %v", changes[0], changes[0].Actor)
	}
	if len(changes) != 1 || changes[0].Action != admin.Created || changes[0].Before != "" || len(changes[0].After) != 64 {
		t.Fatalf("audited %+v", changes)
	}
	// The same duration, written otherwise, is the same.
	if got, err := o.Put(t.Context(), root, "plans", "gold", json.RawMessage(`{"window":"1m","requests":1000}`)); err != nil || got.Outcome != admin.OutcomeUnchanged {
		t.Fatalf("equal spec: %v, %v", got, err)
	}
	if got, err := o.Put(t.Context(), root, "plans", "gold", json.RawMessage(`{"window":"1m","requests":5}`)); err != nil || got.Outcome != admin.OutcomeChanged {
		t.Fatalf("other spec: %v, %v", got, err)
	}
	if err := o.Delete(t.Context(), root, "plans", "gold"); err != nil {
		t.Fatal(err)
	}
	second := o.audited()
	if len(second) != 2 || second[0].Before != changes[0].After || second[1].Before != second[0].After || second[1].After != "" {
		t.Fatalf("the digests do not form a chain: %+v after %+v", second, changes)
	}
	if err := o.Delete(t.Context(), root, "plans", "gold"); !errors.Is(err, problem.NotFound) {
		t.Fatalf("second delete: %v", err)
	}
	if got := o.audited(); len(got) != 0 {
		t.Fatalf("a delete of nothing was audited: %+v", got)
	}
}

func TestSpecsAreReadStrictly(t *testing.T) {
	for name, c := range map[string]struct{ spec, field string }{
		"unknown member":  {`{"requests":1,"window":"1s","burst":2}`, "burst is not known"},
		"twice":           {`{"requests":1,"requests":2}`, "requests is given twice"},
		"wrong type":      {`{"requests":"secret-value"}`, "requests must be a number in range"},
		"other case":      {`{"Requests":1}`, "Requests is not known"},
		"fraction":        {`{"requests":1.5}`, "requests must be a number in range"},
		"not a duration":  {`{"requests":1,"window":"secret-value"}`, "window must be a valid duration"},
		"broken rule":     {`{"requests":0}`, "requests must be positive"},
		"null":            {`null`, "spec must be an object"},
		"a list":          {`[1]`, "spec must be an object"},
		"nothing":         {``, "spec must be an object"},
		"cut short":       {`{"requests":1`, "spec is not valid JSON"},
		"trailing":        {`{"requests":1}{}`, "spec is not valid JSON"},
		"nested in lists": {`{"plan":"p","tags":["a",7]}`, "tags[1] must be a string"},
	} {
		t.Run(name, func(t *testing.T) {
			o := newOffice()
			resource := "plans"
			if strings.Contains(c.spec, "plan") {
				resource = "subscribers"
			}
			_, err := o.Put(t.Context(), root, resource, "x", json.RawMessage(c.spec))
			p := problem.Of(err)
			if p.Kind != problem.Invalid || len(p.Fields) != 1 || p.Fields[0].String() != c.field {
				t.Fatalf("got %v", p)
			}
			if strings.Contains(string(problem.Marshal(p)), "secret-value") {
				t.Fatal("the answer repeats the value")
			}
			if len(o.plans.writes)+len(o.subscribers.writes)+len(o.audited()) > 0 {
				t.Fatal("something was changed")
			}
		})
	}
}

func TestApplyChecksTheWholeBeforeItChangesAnything(t *testing.T) {
	o := newOffice()
	entities, err := admin.Documents([]byte(`
kind: Subscriber
id: ana
spec: {plan: gold, tags: [b, a]}
---
# An empty document between separators is nothing.
---
kind: Plan
name: gold
spec:
  requests: -1
---
kind: Subscriber
id: bob
spec: {plan: silver}
---
kind: Unknown
id: x
spec: {}
---
kind: Subscriber
id: ana
spec: {plan: gold}
`))
	if err != nil {
		t.Fatal(err)
	}
	_, err = o.Apply(t.Context(), root, entities)
	var got []string
	for _, f := range problem.Of(err).Fields {
		got = append(got, f.String())
	}
	want := []string{
		"documents[1].spec.requests must be positive",
		"documents[2].spec.plan names a Plan that does not exist",
		"documents[3].kind names no resource that can be applied",
		"documents[4] is given twice",
	}
	if !slices.Equal(got, want) {
		t.Fatalf("got %q", got)
	}
	if len(o.plans.writes)+len(o.subscribers.writes)+len(o.audited()) > 0 {
		t.Fatal("something was changed")
	}
}

func TestApplyFollowsReferencesAndReportsEach(t *testing.T) {
	o := newOffice()
	source := []byte(`[{"kind":"Subscriber","id":"ana","spec":{"plan":"gold","tags":["b","a"]}},
		{"kind":"Plan","id":"gold","spec":{"requests":10,"window":"1s"}}]`)
	apply := func() string {
		t.Helper()
		entities, err := admin.Documents(source)
		if err != nil {
			t.Fatal(err)
		}
		results, err := o.Apply(t.Context(), root, entities)
		if err != nil {
			t.Fatal(err)
		}
		var s []string
		for _, r := range results {
			s = append(s, r.Kind+" "+r.ID+" "+string(r.Outcome))
		}
		return strings.Join(s, ", ")
	}
	if got := apply(); got != "Plan gold created, Subscriber ana created" {
		t.Fatal(got)
	}
	if got := apply(); got != "Plan gold unchanged, Subscriber ana unchanged" {
		t.Fatal(got)
	}
	// What was read back can be applied as it is.
	var err error
	if source, err = readBack(o); err != nil {
		t.Fatal(err)
	}
	if got := apply(); got != "Plan gold unchanged, Subscriber ana unchanged" {
		t.Fatal(got)
	}
}

func readBack(o *office) ([]byte, error) {
	var all []any
	for _, r := range o.Resources() {
		list, err := o.List(context.Background(), r.Name)
		if err != nil {
			return nil, err
		}
		all = append(all, list...)
	}
	return json.Marshal(all)
}

func TestApplyTellsWhatWasDoneWhenTheStoreFails(t *testing.T) {
	o := newOffice()
	o.subscribers.fails = errStore
	entities, err := admin.Documents([]byte(`{"kind":"Plan","id":"gold","spec":{"requests":1}} {"kind":"Subscriber","id":"ana","spec":{"plan":"gold"}}`))
	if err != nil {
		t.Fatal(err)
	}
	results, err := o.Apply(t.Context(), root, entities)
	if !errors.Is(err, errStore) || len(results) != 1 || results[0].ID != "gold" {
		t.Fatalf("%v, %v", results, err)
	}
}

func TestDocumentsRefuseWhatIsNotPlain(t *testing.T) {
	for name, source := range map[string]string{
		"alias":          "kind: &k Plan\nid: *k\nspec: {}",
		"anchor":         "kind: Plan\nid: a\nspec: &s {requests: 1}",
		"merge":          "kind: Plan\nid: a\nspec:\n  <<: {requests: 1}",
		"twice":          "kind: Plan\nkind: Plan\nid: a\nspec: {}",
		"unknown member": "kind: Plan\nid: a\nspec: {}\nmetadata: {}",
		"no id":          "kind: Plan\nspec: {}",
		"id and name":    "kind: Plan\nid: a\nname: a\nspec: {}",
		"broken":         "kind: [",
		"broken JSON":    `{"kind":"Plan"`,
		"nothing":        "",
		"a comment":      "# nothing\n---\n",
		"an empty list":  "[]",
		"list left open": `[{"kind":"Plan","id":"a","spec":{}}`,
		"a number as id": "kind: Plan\nid: 7\nspec: {}",
		"deep":           "kind: Plan\nid: a\nspec: " + strings.Repeat("[", 50) + strings.Repeat("]", 50),
	} {
		t.Run(name, func(t *testing.T) {
			if got, err := admin.Documents([]byte(source)); !errors.Is(err, problem.Invalid) {
				t.Fatalf("got %v, %v", got, err)
			}
		})
	}
}

// YAML may be written as JSON nearly is.
func TestDocumentsInFlowStyle(t *testing.T) {
	for source, want := range map[string]string{
		`{kind: Plan, id: gold, spec: {requests: 1}}`:                                                                      "gold",
		"[{kind: Plan, id: gold, spec: {requests: 1}}, {kind: Plan, id: silver, spec: {requests: 1}}]":                     "gold silver",
		`{"kind": Plan, 'id': gold, "spec": {"requests": 1}}`:                                                              "gold",
		"{kind: Plan, id: gold, spec: {requests: 1}}\n---\nkind: Plan\nid: silver\nspec: {requests: 1}":                    "gold silver",
		`{"kind": "Plan", "id": "gold", "spec": {"requests": 1}} {"kind": "Plan", "id": "silver", "spec": {"requests":1}}`: "gold silver",
	} {
		entities, err := admin.Documents([]byte(source))
		var got []string
		for _, e := range entities {
			if got = append(got, e.ID); strings.ReplaceAll(string(e.Spec), " ", "") != `{"requests":1}` {
				t.Errorf("%s: spec %s", source, e.Spec)
			}
		}
		if err != nil || strings.Join(got, " ") != want {
			t.Errorf("%s: %v, %v", source, got, err)
		}
	}
	for source, want := range map[string]string{
		`{kind: Plan, id: a, spec: &s {requests: 1}}`: "line 1: anchors are not supported",
		`{kind: Plan, id: a, spec: {requests: 1}`:     "neither JSON nor YAML",
		`{"kind": "Plan", "id": "a"]`:                 "neither JSON nor YAML",
	} {
		if _, err := admin.Documents([]byte(source)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", source, err, want)
		}
	}
}

func FuzzDocuments(f *testing.F) {
	f.Add([]byte("kind: Plan\nid: a\nspec: {requests: 1}\n---\n"))
	f.Add([]byte(`[{"kind":"Plan","id":"a","spec":{}}]`))
	f.Fuzz(func(t *testing.T, source []byte) {
		entities, err := admin.Documents(source)
		if err != nil && !errors.Is(err, problem.Invalid) {
			t.Fatalf("an error of another kind: %v", err)
		}
		for _, e := range entities {
			if e.Kind == "" || e.ID == "" || !json.Valid(e.Spec) {
				t.Fatalf("an entity that is none: %+v", e)
			}
		}
	})
}

var tokens = admin.Config{Tokens: map[string]admin.Token{
	"eye":  {Secret: config.NewSecret("eye-0123456789abcdefgh"), Role: admin.Viewer},
	"hand": {Secret: config.NewSecret("hand-0123456789abcdefg"), Role: admin.Operator},
	"root": {Secret: config.NewSecret("root-0123456789abcdefg"), Role: admin.Admin},
}, MaxBody: 1000}

func serve(t *testing.T, o *office, cfg admin.Config) *httptest.Server {
	if err := cfg.Validate(); err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(admin.Handler(o.Registry, cfg, slog.New(slog.DiscardHandler)))
	t.Cleanup(s.Close)
	return s
}

func TestClientAgainstHandler(t *testing.T) {
	o := newOffice()
	s := serve(t, o, tokens)
	c := admin.NewClient(s.URL+"/", tokens.Tokens["root"].Secret)
	ctx := t.Context()

	resources, err := c.Resources(ctx)
	if err != nil || len(resources) != 2 || resources[0].Name != "plans" || resources[1].Role != admin.Operator {
		t.Fatalf("%+v, %v", resources, err)
	}
	const odd = "año/2026 %2F?#" // an id is any text
	if r, err := c.Put(ctx, "plans", odd, []byte(`{"requests":1}`)); err != nil || r.Outcome != admin.OutcomeCreated {
		t.Fatalf("%v, %v", r, err)
	}
	if got, err := c.Get(ctx, "plans", odd); err != nil || !strings.Contains(string(got), `"requests":1`) {
		t.Fatalf("%s, %v", got, err)
	}
	if list, err := c.List(ctx, "plans"); err != nil || len(list) != 1 {
		t.Fatalf("%s, %v", list, err)
	}
	results, err := c.Apply(ctx, []byte("kind: Subscriber\nid: ana\nspec: {plan: '"+odd+"'}\n"))
	if err != nil || len(results) != 1 || results[0].Outcome != admin.OutcomeCreated {
		t.Fatalf("%v, %v", results, err)
	}
	if err := c.Delete(ctx, "subscribers", "ana"); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Get(ctx, "subscribers", "ana"); !errors.Is(err, problem.NotFound) {
		t.Fatal(err)
	}
	if _, err := c.List(ctx, "nothing"); !errors.Is(err, problem.NotFound) {
		t.Fatal(err)
	}
	if _, err := c.Put(ctx, "plans", "big", bytes.Repeat([]byte(" "), 1001)); !errors.Is(err, problem.TooLarge) {
		t.Fatal(err)
	}
}

func TestWhoMayDoWhat(t *testing.T) {
	change := func(path string) func(string) *http.Request {
		return func(base string) *http.Request {
			r, _ := http.NewRequest(http.MethodPut, base+path, strings.NewReader(`{"plan":"gold","requests":1}`))
			return r
		}
	}
	read := func(base string) *http.Request {
		r, _ := http.NewRequest(http.MethodGet, base+admin.Path+"/plans", nil)
		return r
	}
	plans, subscribers := change(admin.Path+"/plans/x"), change(admin.Path+"/subscribers/x")
	bearer := func(name string) []string { return []string{"Bearer " + tokens.Tokens[name].Secret.Reveal()} }

	for name, c := range map[string]struct {
		authorization []string
		request       func(string) *http.Request
		status        int
		audited       string
	}{
		"none":                  {nil, read, 401, "denied "},
		"wrong":                 {[]string{"Bearer nonsense"}, read, 401, "denied "},
		"empty":                 {[]string{"Bearer "}, read, 401, "denied "},
		"a prefix":              {[]string{bearer("root")[0][:20]}, read, 401, "denied "},
		"another scheme":        {[]string{"Basic root-0123456789abcdefg"}, read, 401, "denied "},
		"twice":                 {append(bearer("root"), bearer("root")...), read, 401, "denied "},
		"scheme in other case":  {[]string{"bearer " + tokens.Tokens["eye"].Secret.Reveal()}, read, 200, ""},
		"viewer reads":          {bearer("eye"), read, 200, ""},
		"viewer changes":        {bearer("eye"), subscribers, 403, "denied eye"},
		"operator, admin's own": {bearer("hand"), plans, 403, "denied hand"},
		"operator, his own":     {bearer("hand"), subscribers, 400, ""}, // past the role, to the spec
		"unknown path":          {bearer("eye"), change(admin.Path + "/a/b/c"), 404, ""},
		"unknown path, no one":  {nil, change(admin.Path + "/a/b/c"), 401, "denied "},
		"wrong method":          {bearer("root"), change(admin.Path + "/plans"), 405, ""},
	} {
		t.Run(name, func(t *testing.T) {
			o := newOffice()
			r := c.request(serve(t, o, tokens).URL)
			r.Header["Authorization"] = c.authorization
			resp, err := http.DefaultClient.Do(r)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			body, _ := io.ReadAll(resp.Body)
			if resp.StatusCode != c.status {
				t.Fatalf("status %d: %s", resp.StatusCode, body)
			}
			if (resp.StatusCode == 401) != (resp.Header.Get("WWW-Authenticate") != "") {
				t.Error("WWW-Authenticate goes with 401 and nothing else")
			}
			if resp.StatusCode >= 400 && resp.Header.Get("Content-Type") != problem.MediaType {
				t.Errorf("content type %q", resp.Header.Get("Content-Type"))
			}
			audited := ""
			for _, a := range o.audited() {
				audited += string(a.Action) + " " + a.Actor.Name
			}
			if audited != c.audited {
				t.Errorf("audited %q, want %q", audited, c.audited)
			}
		})
	}
}

func TestWithoutTokensNobodyIsLetIn(t *testing.T) {
	s := serve(t, newOffice(), admin.Config{Tokens: map[string]admin.Token{}})
	for _, secret := range []string{"", "admin", "null"} {
		if _, err := admin.NewClient(s.URL, config.NewSecret(secret)).Resources(t.Context()); !errors.Is(err, problem.Unauthenticated) {
			t.Fatalf("%q: %v", secret, err)
		}
	}
}

func TestConfigRefusesWeakTokens(t *testing.T) {
	strong := config.NewSecret("0123456789abcdefghijkl")
	err := admin.Config{Tokens: map[string]admin.Token{
		"short": {Secret: config.NewSecret("admin"), Role: admin.Admin},
		"blank": {Role: admin.Viewer},
		"idle":  {Secret: strong},
		"twin":  {Secret: strong, Role: admin.Viewer},
	}}.Validate()
	for _, want := range []string{"tokens.short.secret", "tokens.blank.secret", "tokens.idle.role", "tokens.twin.secret is that of idle"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not name %s", err, want)
		}
	}
	if err != nil && strings.Contains(err.Error(), strong.Reveal()) {
		t.Error("the error repeats a secret")
	}
}

func TestDurationText(t *testing.T) {
	for text, want := range map[string]string{"60s": "1m", "90s": "1m30s", "60m": "1h", "24h": "24h", "1500ms": "1.5s", "0s": "0s", "10s": "10s", "1h0m10s": "1h0m10s"} {
		var d admin.Duration
		if err := d.UnmarshalText([]byte(text)); err != nil {
			t.Fatal(err)
		}
		if got, _ := d.MarshalText(); string(got) != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
}
