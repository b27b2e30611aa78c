package admin

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/go-json-experiment/json/jsontext"
	"gopkg.in/yaml.v3"
)

var errNotYAML = errors.New("the document is not valid YAML")

// yamlToJSON writes each YAML document as one JSON value.
func yamlToJSON(source []byte) ([]byte, error) {
	var out bytes.Buffer
	enc := jsontext.NewEncoder(&out, jsontext.AllowDuplicateNames(true))
	dec := yaml.NewDecoder(bytes.NewReader(source))
	for {
		var n yaml.Node
		switch err := dec.Decode(&n); {
		case errors.Is(err, io.EOF):
			return out.Bytes(), nil
		case err != nil:
			return nil, errNotYAML
		}
		if len(n.Content) != 1 || n.Content[0].Tag == "!!null" { // an empty document between two separators
			continue
		}
		if err := writeNode(enc, n.Content[0], 0); err != nil {
			return nil, err
		}
	}
}

const maxDepth = 32

// writeNode writes n as JSON; a member given twice is written twice.
func writeNode(enc *jsontext.Encoder, n *yaml.Node, depth int) error {
	refuse := func(what string) error { return fmt.Errorf("line %d: %s", n.Line, what) }
	if depth > maxDepth {
		return refuse("is nested too deep")
	}
	if n.Anchor != "" {
		return refuse("anchors are not supported")
	}
	write := func(tokens ...jsontext.Token) error {
		for _, t := range tokens {
			if err := enc.WriteToken(t); err != nil {
				return refuse("cannot be written as JSON")
			}
		}
		return nil
	}
	switch n.Kind {
	case yaml.MappingNode:
		if err := write(jsontext.BeginObject); err != nil {
			return err
		}
		for i := 0; i < len(n.Content); i += 2 {
			if key := n.Content[i]; key.Kind != yaml.ScalarNode || key.Tag == "!!merge" {
				return refuse("members need plain names")
			}
			if err := write(jsontext.String(n.Content[i].Value)); err != nil {
				return err
			}
			if err := writeNode(enc, n.Content[i+1], depth+1); err != nil {
				return err
			}
		}
		return write(jsontext.EndObject)
	case yaml.SequenceNode:
		if err := write(jsontext.BeginArray); err != nil {
			return err
		}
		for _, item := range n.Content {
			if err := writeNode(enc, item, depth+1); err != nil {
				return err
			}
		}
		return write(jsontext.EndArray)
	case yaml.ScalarNode:
		token, err := scalar(n)
		if err != nil {
			return refuse("cannot be read as " + n.Tag)
		}
		return write(token)
	default:
		return refuse("aliases are not supported")
	}
}

// scalar is a YAML scalar as a JSON token. A time stays the text it is.
func scalar(n *yaml.Node) (jsontext.Token, error) {
	switch n.Tag {
	case "!!null":
		return jsontext.Null, nil
	case "!!bool":
		var v bool
		err := n.Decode(&v)
		return jsontext.Bool(v), err
	case "!!int":
		var v int64
		err := n.Decode(&v)
		return jsontext.Int(v), err
	case "!!float":
		var v float64
		err := n.Decode(&v)
		return jsontext.Float(v), err
	default:
		return jsontext.String(n.Value), nil
	}
}
