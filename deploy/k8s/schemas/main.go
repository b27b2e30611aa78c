// Command schemas turns the OpenAPI document of Kubernetes into the files by which kubeconform checks manifests
// where it cannot fetch them: one strict JSON schema per kind, in which an unknown member is an error.
//
//	go run ./deploy/k8s/schemas swagger.json directory
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: schemas swagger.json directory")
		os.Exit(2)
	}
	n, err := write(os.Args[1], os.Args[2])
	if err != nil {
		fmt.Fprintln(os.Stderr, "schemas:", err)
		os.Exit(1)
	}
	fmt.Println(n, "kinds")
}

type schema = map[string]any

// write makes a file per kind, <kind>-<group>-<version>.json as kubeconform names them.
func write(swagger, dir string) (int, error) {
	text, err := os.ReadFile(swagger)
	if err != nil {
		return 0, err
	}
	var doc struct {
		Definitions map[string]schema `json:"definitions"`
	}
	if err := json.Unmarshal(text, &doc); err != nil {
		return 0, err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return 0, err
	}
	kinds := 0
	for name, d := range doc.Definitions {
		for _, k := range kindsOf(d) {
			need := definitions{from: doc.Definitions, to: map[string]schema{}}
			root := schema{"$schema": "http://json-schema.org/draft-07/schema#", "$ref": "#/definitions/" + name, "definitions": need.to}
			need.take(name)
			out, err := json.Marshal(root)
			if err != nil {
				return 0, err
			}
			if err := os.WriteFile(filepath.Join(dir, k+".json"), out, 0o644); err != nil {
				return 0, err
			}
			kinds++
		}
	}
	if kinds == 0 {
		return 0, fmt.Errorf("%s describes no kind", swagger)
	}
	return kinds, nil
}

// kindsOf are the kinds that a definition is, as kubeconform names their files; lists and options of other groups are
// not wanted.
func kindsOf(d schema) []string {
	list, _ := d["x-kubernetes-group-version-kind"].([]any)
	if len(list) != 1 {
		return nil
	}
	gvk := list[0].(schema)
	kind, version := strings.ToLower(gvk["kind"].(string)), gvk["version"].(string)
	if group := gvk["group"].(string); group != "" {
		version = strings.SplitN(group, ".", 2)[0] + "-" + version
	}
	return []string{kind + "-" + version}
}

// definitions are those that a kind needs, made strict.
type definitions struct{ from, to map[string]schema }

func (d definitions) take(name string) {
	if _, ok := d.to[name]; ok {
		return
	}
	s, ok := d.from[name]
	if !ok {
		panic("no definition " + name)
	}
	d.to[name] = nil // it may hold itself
	d.to[name] = d.strict(s).(schema)
}

func (d definitions) strict(v any) any {
	switch v := v.(type) {
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = d.strict(v[i])
		}
		return out
	case schema:
		out := make(schema, len(v)+1)
		for key, value := range v {
			switch {
			case key == "$ref":
				name := strings.TrimPrefix(value.(string), "#/definitions/")
				d.take(name)
				out[key] = value
			case key == "properties": // names of members, not words of the schema
				members := make(schema)
				for name, member := range value.(schema) {
					members[name] = d.strict(member)
				}
				out[key] = members
			case strings.HasPrefix(key, "x-"), key == "format", key == "description", key == "default":
			default:
				out[key] = d.strict(value)
			}
		}
		if v["x-kubernetes-int-or-string"] == true || v["format"] == "int-or-string" {
			out["type"] = []any{"integer", "string"}
		}
		if quantity(v) {
			out["type"] = []any{"string", "number"}
		}
		if _, ok := v["properties"]; ok && v["type"] == "object" && v["additionalProperties"] == nil {
			out["additionalProperties"] = false
		}
		return out
	}
	return v
}

// quantity reports whether s is the schema of quantities, whose text may be a number in YAML.
func quantity(s schema) bool {
	description, _ := s["description"].(string)
	return s["type"] == "string" && strings.HasPrefix(description, "Quantity is a fixed-point representation of a number")
}
