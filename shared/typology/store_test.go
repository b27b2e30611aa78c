package typology_test

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"puente/shared/database"
	"puente/shared/database/databasetest"
	"puente/shared/problem"
	"puente/shared/typology"
)

func text(s string) *string { return &s }

var declared = typology.Declaration{Texts: []typology.Declared{
	{Code: "ERROR_06", Text: problem.Text{Status: 200, Detail: text("Servicio no encontrado"), Message: text(""), User: text("{phone}")}},
}}

// newStore follows the database until the test ends.
func newStore(t *testing.T, db *database.DB) *typology.Store {
	s := typology.New(db, databasetest.Logger(t), prometheus.NewPedanticRegistry())
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		if err := s.Run(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("run: %v", err)
		}
	})
	t.Cleanup(func() { cancel(); running.Wait() })
	return s
}

// wait returns once the text of ERROR_06 for system says detail.
func wait(t *testing.T, s *typology.Store, system, detail string) {
	t.Helper()
	for {
		changed := s.Changed()
		found, ok := s.Snapshot().Find("reconexion", &declared, system, "ERROR_06")
		if ok && *found.Detail == detail {
			return
		}
		select {
		case <-changed:
		case <-t.Context().Done():
			t.Fatalf("the text never came to be %q", detail)
		}
	}
}

// Two stores on one database, as two replicas have: what one is told, the other tells.
func TestEditedByOneToldByAnother(t *testing.T) {
	db := databasetest.New(t, typology.Migrations)
	seed := func() {
		if err := typology.Seed(t.Context(), db, map[string]*typology.Declaration{"reconexion": &declared}); err != nil {
			t.Fatal(err)
		}
	}
	seed()
	r, other := typology.Resource(newStore(t, db)), newStore(t, db)
	apply := func(id, spec string) {
		if _, err := r.Apply(t.Context(), id, json.RawMessage(spec)); err != nil {
			t.Fatal(err)
		}
	}
	wait(t, other, "MiETB", "Servicio no encontrado")
	apply("reconexion:*:ERROR_06", `{"errorDetailCode":"todos"}`)
	wait(t, other, "MiETB", "todos")
	apply("reconexion:MiETB:ERROR_06", `{"errorDetailCode":"uno","httpStatus":404}`)
	wait(t, other, "mietb", "uno")
	wait(t, other, "MAX", "todos")
	seed() // as a start does: what operators made of it stays
	apply("reconexion:MiETB:ERROR_06", `{"errorDetailCode":"uno","enabled":false}`)
	wait(t, other, "MiETB", "todos")
	if err := r.Delete(t.Context(), "reconexion:*:ERROR_06"); err != nil {
		t.Fatal(err)
	}
	wait(t, other, "MAX", "Servicio no encontrado")
	if _, ok := other.Snapshot().Find("reconexion", &declared, "MAX", "ERROR_99"); ok {
		t.Error("a code that nobody declared has a text")
	}
}

func TestResource(t *testing.T) {
	r := typology.Resource(newStore(t, databasetest.New(t, typology.Migrations)))
	const id = "reconexion:MiETB:ERROR_06"
	for _, c := range []struct {
		spec    string
		changed bool
	}{
		{`{"errorMessage":""}`, true}, {`{"errorMessage":"","enabled":true,"httpStatus":200,"system":"MiETB"}`, false}, {`{}`, true},
	} {
		if changed, err := r.Apply(t.Context(), id, json.RawMessage(c.spec)); err != nil || changed != c.changed {
			t.Errorf("%s: changed %v, %v", c.spec, changed, err)
		}
	}
	for id, spec := range map[string]string{
		"reconexion":                `{}`,
		"reconexion:*:error":        `{}`,
		"reconexion:*:ERROR_06":     `{"code":"ERROR_07"}`,
		"reconexion:*:ERROR_07":     `{"errorMessage":"{telefono}"}`,
		"reconexion:*:ERROR_08":     `{"httpStatus":204}`,
		"reconexion::ERROR_06":      `{}`,
		"reconexion:*:ERROR_06:max": `{}`,
	} {
		if _, err := r.Check(id, json.RawMessage(spec)); !errors.Is(err, problem.Invalid) {
			t.Errorf("%s %s: %v", id, spec, err)
		}
	}
	if _, err := r.Apply(t.Context(), "reconexion:MIETB:ERROR_06", json.RawMessage(`{}`)); !errors.Is(err, problem.Conflict) {
		t.Errorf("a system in other case: %v", err)
	}
	for _, missing := range []string{"nothing", "reconexion:*:ERROR_06"} {
		if _, err := r.Get(t.Context(), missing); !errors.Is(err, problem.NotFound) {
			t.Errorf("get %s: %v", missing, err)
		}
		if err := r.Delete(t.Context(), missing); !errors.Is(err, problem.NotFound) {
			t.Errorf("delete %s: %v", missing, err)
		}
	}
}

// A value that looks like a placeholder is not filled again, null stays null and empty empty.
func TestFill(t *testing.T) {
	got := typology.Fill(problem.Text{Detail: text("{phone} {correlationID} {document} {pqr} {x}"), Message: text(""), User: text("{{phone} } {phone")},
		typology.Values{Correlation: "{phone}", Phone: "{pqr}", Document: "***", PQR: "P"})
	if *got.Detail != "{pqr} {phone} *** P {x}" || *got.Message != "" || *got.User != "{{pqr} } {phone" {
		t.Errorf("%q %q %q", *got.Detail, *got.Message, *got.User)
	}
	if got := typology.Fill(problem.Text{}, typology.Values{}); got != (problem.Text{}) {
		t.Errorf("%+v", got)
	}
}
