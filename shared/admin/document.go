package admin

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"puente/shared/problem"
)

// document is an Entity as people write it: name is another word for id.
type document struct {
	Kind string          `json:"kind"`
	ID   string          `json:"id"`
	Name string          `json:"name"`
	Spec json.RawMessage `json:"spec"`
}

// Documents reads entities from YAML documents or JSON values, each one entity or a list of them.
// YAML becomes JSON first, so that both are read by the same rules. Anchors, aliases and merge keys
// are refused. Errors are problem.Invalid with the place: documents[2].spec.
func Documents(source []byte) ([]Entity, error) {
	values, err := split(source)
	if err != nil {
		return nil, err
	}
	if len(values) == 0 {
		return nil, &problem.Error{Kind: problem.Invalid, Detail: "there are no documents"}
	}
	var entities []Entity
	var fields []problem.Field
	for i, v := range values {
		var d document
		at := "documents[" + strconv.Itoa(i) + "]"
		if err := decode(v, &d); err != nil {
			fields = append(fields, under(at, err)...)
			continue
		}
		if d.ID == "" {
			d.ID, d.Name = d.Name, ""
		}
		for _, missing := range []struct {
			name  string
			empty bool
		}{{"kind", d.Kind == ""}, {"id", d.ID == ""}, {"spec", len(d.Spec) == 0}} {
			if missing.empty {
				fields = append(fields, problem.Field{Path: at + "." + missing.name, Rule: "is required"})
			}
		}
		if d.Name != "" {
			fields = append(fields, problem.Field{Path: at + ".name", Rule: "is another word for id: give one"})
		}
		entities = append(entities, Entity{Kind: d.Kind, ID: d.ID, Spec: d.Spec})
	}
	if len(fields) > 0 {
		return nil, &problem.Error{Kind: problem.Invalid, Fields: fields}
	}
	return entities, nil
}

// Apply makes all entities be as their specs say. Everything is checked before anything is changed:
// kinds, roles, specs, and that what is referred to exists or is in the same call. Entities are then
// applied in the order in which their resources were added. The results are in that order too; where
// the store fails midway they hold what was done, and applying again completes it.
func (r *Registry) Apply(ctx context.Context, who Actor, entities []Entity) ([]Result, error) {
	type step struct {
		res Resource
		Entity
	}
	given := map[Reference]bool{}
	for _, e := range entities {
		given[Reference{Kind: e.Kind, ID: e.ID}] = true
	}
	seen := map[Reference]bool{}
	byKind := map[string][]step{}
	var fields []problem.Field
	for i, e := range entities {
		at := "documents[" + strconv.Itoa(i) + "]"
		res, err := r.ofKind(e.Kind)
		if err != nil || res.Apply == nil {
			fields = append(fields, problem.Field{Path: at + ".kind", Rule: "names no resource that can be applied"})
			continue
		}
		if err := r.permit(ctx, who, res, e.ID); err != nil {
			return nil, err
		}
		key := Reference{Kind: e.Kind, ID: e.ID}
		if seen[key] {
			fields = append(fields, problem.Field{Path: at, Rule: "is given twice"})
			continue
		}
		seen[key] = true
		refers, err := res.check(e.ID, e.Spec)
		if err != nil {
			if !errors.Is(err, problem.Invalid) {
				return nil, err
			}
			fields = append(fields, under(at+".spec", err)...)
			continue
		}
		for _, f := range r.missing(ctx, refers, given) {
			fields = append(fields, problem.Field{Path: at + ".spec." + f.Path, Rule: f.Rule})
		}
		byKind[e.Kind] = append(byKind[e.Kind], step{res, e})
	}
	if len(fields) > 0 {
		return nil, &problem.Error{Kind: problem.Invalid, Detail: "nothing was changed", Fields: fields}
	}
	results := make([]Result, 0, len(entities))
	for _, res := range r.Resources() {
		for _, s := range byKind[res.Kind] {
			done, err := r.put(ctx, who, s.res, s.ID, s.Spec)
			if e := problem.Of(err); errors.Is(err, problem.NotFound) && e.Detail == "" {
				err = &problem.Error{Kind: problem.NotFound, Detail: "there is no " + s.Kind + " " + s.ID, Err: err}
			}
			if err != nil {
				return results, fmt.Errorf("admin: apply %s: %w", s.Kind, err)
			}
			results = append(results, done)
		}
	}
	return results, nil
}

// missing names the references to what neither exists nor is given.
func (r *Registry) missing(ctx context.Context, refers []Reference, given map[Reference]bool) []problem.Field {
	var fields []problem.Field
	for _, ref := range refers {
		if given[Reference{Kind: ref.Kind, ID: ref.ID}] {
			continue
		}
		res, err := r.ofKind(ref.Kind)
		if err != nil {
			continue // a kind that this process does not know, it cannot judge
		}
		_, err = res.Get(ctx, ref.ID)
		if errors.Is(err, problem.NotFound) { // any other error comes again, and is returned, when it is applied
			fields = append(fields, problem.Field{Path: ref.Path, Rule: "names a " + ref.Kind + " that does not exist"})
		}
	}
	return fields
}

// under gives the fields of an Invalid error their place in the whole. A field spec is a spec as such.
func under(at string, err error) []problem.Field {
	p := problem.Of(err)
	if len(p.Fields) == 0 {
		return []problem.Field{{Path: at, Rule: p.Detail}}
	}
	fields := make([]problem.Field, len(p.Fields))
	for i, f := range p.Fields {
		fields[i] = problem.Field{Path: at + "." + f.Path, Rule: f.Rule}
		if f.Path == "spec" && strings.HasSuffix(at, ".spec") {
			fields[i].Path = at
		}
	}
	return fields
}

// split gives the entities of source as JSON values, lists taken apart.
func split(source []byte) ([]jsontext.Value, error) {
	var notJSON error
	if start := bytes.TrimSpace(source); len(start) > 0 && (start[0] == '{' || start[0] == '[') {
		values, err := values(source)
		if err == nil {
			return values, nil
		}
		notJSON = err // but YAML in flow style, perhaps
	}
	converted, err := yamlToJSON(source)
	switch {
	case err == nil:
		return values(converted)
	case notJSON != nil && errors.Is(err, errNotYAML):
		return nil, &problem.Error{Kind: problem.Invalid, Detail: "the documents are neither JSON nor YAML", Fields: problem.Of(notJSON).Fields}
	}
	return nil, &problem.Error{Kind: problem.Invalid, Detail: err.Error()}
}

// values reads JSON.
func values(source []byte) ([]jsontext.Value, error) {
	// Duplicates pass here, for the strict reading of each entity to name them.
	dec := jsontext.NewDecoder(bytes.NewReader(source), jsontext.AllowDuplicateNames(true))
	var values []jsontext.Value
	for inList := false; ; {
		kind := dec.PeekKind()
		if kind == ']' || kind == '[' && !inList {
			if _, err := dec.ReadToken(); err != nil {
				return nil, &problem.Error{Kind: problem.Invalid, Fields: []problem.Field{broken(err)}}
			}
			inList = kind == '['
			continue
		}
		v, err := dec.ReadValue()
		if errors.Is(err, io.EOF) {
			return values, nil
		}
		if err != nil {
			return nil, &problem.Error{Kind: problem.Invalid, Fields: []problem.Field{broken(err)}}
		}
		values = append(values, v.Clone())
	}
}
