package outbox

import (
	"encoding/json"
	"errors"
	"testing"

	"puente/shared/admin"
	"puente/shared/problem"
)

func TestOperatorsSeeReplayAndPause(t *testing.T) {
	w := newWorld(t)
	d := w.deliverer(calm, w.owner())
	resources := map[string]admin.Resource{}
	registry := admin.New(nil)
	all := d.Resources("hub", "Hub")
	if err := registry.Add(all...); err != nil {
		t.Fatal(err)
	}
	for _, r := range all {
		resources[r.Name] = r
	}
	w.answer = answers(Dead, "a", "b", "c")
	w.add("partner/k/a")
	w.add("p/k/b", "p/l/c", "p/m/d")
	w.rounds(d)

	letters, destinations := resources["hub-deadletters"], resources["hub-destinations"]
	list, err := letters.List(t.Context())
	if err != nil || len(list) != 3 {
		t.Fatalf("%v, %v", list, err)
	}
	id := list[1].(Record).ID.String()
	got, err := letters.Get(t.Context(), id)
	if r, ok := got.(shownRecord); err != nil || !ok || r.Type != "b" || len(r.Tries) != 1 || r.Tries[0].Reason != "said so" {
		t.Fatalf("%+v, %v", got, err)
	}
	for _, unknown := range []string{"x", "00000000-0000-0000-0000-000000000000"} {
		if _, err := letters.Get(t.Context(), unknown); !errors.Is(err, problem.NotFound) {
			t.Fatal(err)
		}
	}
	w.answer = nil
	apply := func(r admin.Resource, id, spec string) (bool, error) {
		t.Helper()
		_, checked := r.Check(id, json.RawMessage(spec))
		changed, err := r.Apply(t.Context(), id, json.RawMessage(spec))
		if checked != nil && err == nil {
			t.Fatalf("%s is applied, though: %v", spec, checked)
		}
		return changed, err
	}
	for _, spec := range []string{`{}`, `{"replay": false}`, `{"replay": true, "x": 1}`, `[]`} {
		if _, err := apply(letters, id, spec); !errors.Is(err, problem.Invalid) {
			t.Errorf("%s: %v", spec, err)
		}
	}
	if changed, err := apply(letters, id, `{"replay": true}`); err != nil || !changed {
		t.Fatal(changed, err)
	}
	w.want("sent", w.rounds(d), "b")

	for _, spec := range []string{`{}`, `{"paused": 1}`, `{"paused": false, "reason": "x"}`, `{"pause": true}`} {
		if _, err := apply(destinations, "p", spec); !errors.Is(err, problem.Invalid) {
			t.Errorf("%s: %v", spec, err)
		}
	}
	if changed, err := apply(destinations, "p", `{"paused": true, "reason": "maintenance", "replay": {"type": "c"}}`); err != nil || !changed {
		t.Fatal(changed, err)
	}
	if changed, err := apply(destinations, "p", `{"paused": true}`); err != nil || changed {
		t.Fatal(changed, err)
	}
	w.want("sent", w.rounds(d), "")
	shown, err := destinations.Get(t.Context(), "p")
	if s, ok := shown.(Destination); err != nil || !ok || s.Paused == nil || s.Reason != "maintenance" || s.Heads != 1 || s.Dead != 0 {
		t.Fatalf("%+v, %v", shown, err)
	}
	if changed, err := apply(destinations, "p", `{"paused": false}`); err != nil || !changed {
		t.Fatal(changed, err)
	}
	w.want("sent", w.rounds(d), "c")
	if _, err := apply(destinations, "nobody", `{"paused": false}`); !errors.Is(err, problem.NotFound) {
		t.Fatal(err)
	}
	if list, err := destinations.List(t.Context()); err != nil || len(list) != 2 {
		t.Fatalf("%v, %v", list, err)
	}
}
