package admin_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"puente/shared/admin"
	"puente/shared/problem"
)

// A resource is had as a file, whole or not at all; one that has no such file says which it has.
func TestExport(t *testing.T) {
	o := newOffice()
	nothing := func(context.Context) ([]any, error) { return nil, nil }
	get := func(context.Context, string) (any, error) { return nil, problem.NotFound }
	csv := admin.Export{MediaType: "text/csv; charset=utf-8", Extension: "csv", Write: func(_ context.Context, w io.Writer) error {
		_, err := io.WriteString(w, "a,b\r\n")
		return err
	}}
	broken := admin.Export{MediaType: "text/plain", Extension: "txt", Write: func(_ context.Context, w io.Writer) error {
		_, _ = io.WriteString(w, "half of it")
		return errStore
	}}
	csv.WriteOf = func(_ context.Context, of string, w io.Writer) error {
		_, err := io.WriteString(w, "of "+of)
		return err
	}
	if err := o.Add(admin.Resource{Name: "figures", Kind: "Figure", List: nothing, Get: get, Exports: map[string]admin.Export{"csv": csv, "text": broken}}); err != nil {
		t.Fatal(err)
	}
	s := serve(t, o, tokens)
	c := admin.NewClient(s.URL, tokens.Tokens["eye"].Secret)
	if got, err := c.Export(t.Context(), "figures", "csv", ""); err != nil || string(got) != "a,b\r\n" {
		t.Errorf("%q, %v", got, err)
	}
	if got, err := c.Export(t.Context(), "figures", "text", ""); !errors.Is(err, problem.Internal) || len(got) > 0 {
		t.Errorf("one that fails midway: %q, %v", got, err)
	}
	if got, err := c.Export(t.Context(), "figures", "csv", "2026-11-25&x"); err != nil || string(got) != "of 2026-11-25&x" {
		t.Errorf("a part: %q, %v", got, err)
	}
	if _, err := c.Export(t.Context(), "figures", "text", "x"); !errors.Is(err, problem.Invalid) || problem.Of(err).Fields[0].Path != "of" {
		t.Errorf("a part of what is had as a whole: %v", err)
	}
	for format, rule := range map[string]string{"pdf": "must be one of csv, text", "csv&x": "must be one of csv, text"} {
		if _, err := c.Export(t.Context(), "figures", format, ""); !errors.Is(err, problem.Invalid) || problem.Of(err).Fields[0].Rule != rule {
			t.Errorf("%s: %v", format, err)
		}
	}
	if _, err := c.Export(t.Context(), "plans", "csv", ""); !errors.Is(err, problem.Invalid) {
		t.Errorf("of a resource without files: %v", err)
	}
	if _, err := c.Export(t.Context(), "nothing", "csv", ""); !errors.Is(err, problem.NotFound) {
		t.Errorf("of no resource: %v", err)
	}
	r, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, s.URL+admin.Path+"/figures?format=csv", nil)
	r.Header.Set("Authorization", "Bearer "+tokens.Tokens["eye"].Secret.Reveal())
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if h := resp.Header; h.Get("Content-Type") != csv.MediaType || h.Get("Content-Disposition") != `attachment; filename="figures.csv"` || h.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("%v", h)
	}
	if resources, err := c.Resources(t.Context()); err != nil || strings.Join(resources[2].Exports, " ") != "csv text" || resources[0].Exports != nil {
		t.Errorf("%+v, %v", resources, err)
	}
}

// A resource learns who changes it, and nobody else does.
func TestActorOf(t *testing.T) {
	o := newOffice()
	var seen []string
	note := func(ctx context.Context) { seen = append(seen, admin.ActorOf(ctx).Name) }
	err := o.Add(admin.Resource{
		Name: "signatures", Kind: "Signature",
		List:   func(ctx context.Context) ([]any, error) { note(ctx); return nil, nil },
		Get:    func(context.Context, string) (any, error) { return 1, nil },
		Apply:  func(ctx context.Context, _ string, _ json.RawMessage) (bool, error) { note(ctx); return true, nil },
		Delete: func(ctx context.Context, _ string) error { note(ctx); return nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	_, err = o.Put(t.Context(), root, "signatures", "x", json.RawMessage(`{}`))
	_, second := o.Apply(t.Context(), root, []admin.Entity{{Kind: "Signature", ID: "x", Spec: json.RawMessage(`{}`)}})
	_, third := o.List(t.Context(), "signatures")
	if err := errors.Join(err, second, third, o.Delete(t.Context(), root, "signatures", "x")); err != nil || strings.Join(seen, " ") != "root root  root" {
		t.Errorf("%q, %v", seen, err)
	}
}
