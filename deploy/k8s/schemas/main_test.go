package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"
)

// A kind becomes a file by kubeconform's name for it, with all that it needs and nothing that it does not know; members
// may be named like words of schemas, and quantities may be numbers.
func TestWrite(t *testing.T) {
	dir := t.TempDir()
	swagger := filepath.Join(dir, "swagger.json")
	if err := os.WriteFile(swagger, []byte(`{"definitions": {
		"x.Widget": {"type": "object", "description": "A widget.", "required": ["spec"],
			"properties": {"spec": {"$ref": "#/definitions/x.Spec"}, "description": {"type": "string"}, "x-ray": {"type": "string"}},
			"x-kubernetes-group-version-kind": [{"group": "apps.example", "kind": "Widget", "version": "v1"}]},
		"x.Spec": {"type": "object", "properties": {
			"port": {"type": "string", "format": "int-or-string"}, "size": {"$ref": "#/definitions/x.Quantity"},
			"labels": {"type": "object", "additionalProperties": {"type": "string"}}, "inner": {"$ref": "#/definitions/x.Spec"}}},
		"x.Quantity": {"type": "string", "description": "Quantity is a fixed-point representation of a number."},
		"x.Options": {"type": "object", "x-kubernetes-group-version-kind": [{"group": "", "kind": "O", "version": "v1"}, {"group": "b", "kind": "O", "version": "v1"}]}
	}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	out := filepath.Join(dir, "schemas")
	if n, err := write(swagger, out); n != 1 || err != nil {
		t.Fatalf("%d kinds, %v", n, err)
	}
	text, err := os.ReadFile(filepath.Join(out, "widget-apps-v1.json"))
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Ref         string `json:"$ref"`
		Definitions map[string]schema
	}
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	want := map[string]schema{
		"x.Widget": {"type": "object", "required": []any{"spec"}, "additionalProperties": false, "properties": schema{
			"spec": schema{"$ref": "#/definitions/x.Spec"}, "description": schema{"type": "string"}, "x-ray": schema{"type": "string"}}},
		"x.Spec": {"type": "object", "additionalProperties": false, "properties": schema{
			"port": schema{"type": []any{"integer", "string"}}, "size": schema{"$ref": "#/definitions/x.Quantity"},
			"labels": schema{"type": "object", "additionalProperties": schema{"type": "string"}}, "inner": schema{"$ref": "#/definitions/x.Spec"}}},
		"x.Quantity": {"type": []any{"string", "number"}},
	}
	if got.Ref != "#/definitions/x.Widget" || !reflect.DeepEqual(got.Definitions, want) {
		t.Errorf("%s", text)
	}
	if _, err := write(swagger+".none", out); err == nil {
		t.Error("no document, and no error")
	}
	files, err := os.ReadDir(out)
	if err != nil || !slices.EqualFunc(files, []string{"widget-apps-v1.json"}, func(f os.DirEntry, name string) bool { return f.Name() == name }) {
		t.Errorf("%v %v", files, err)
	}
}
