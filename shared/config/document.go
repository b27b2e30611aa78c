package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"regexp"

	"gopkg.in/yaml.v3"
)

// maxFile is the size in bytes above which a file is no configuration.
const maxFile = 1 << 20

// read takes the whole file. A text that ends within a line was cut off while it was written.
func read(file string) ([]byte, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, fmt.Errorf("config: %w", err)
	}
	defer f.Close()
	if info, err := f.Stat(); err != nil {
		return nil, fmt.Errorf("config: %w", err)
	} else if info.IsDir() {
		return nil, fmt.Errorf("%s: is a folder", file)
	}
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("config: %w", err)
	case len(text) > maxFile:
		return nil, fmt.Errorf("%s: is larger than %d bytes", file, maxFile)
	case len(text) == 0:
		return nil, fmt.Errorf("%s: is empty", file)
	case text[len(text)-1] != '\n':
		return nil, fmt.Errorf("%s: the last line has no end: half-written, or a newline is missing", file)
	}
	return text, nil
}

// parse reads the one document of a file into a mapping that holds neither nulls nor aliases nor a
// key twice.
func parse(file string, text []byte) (*yaml.Node, error) {
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	var document, more yaml.Node
	switch err := decoder.Decode(&document); {
	case errors.Is(err, io.EOF): // nothing but comments
		return &yaml.Node{Kind: yaml.MappingNode}, nil
	case err != nil:
		return nil, syntax(file, err)
	}
	switch err := decoder.Decode(&more); {
	case err == nil:
		return nil, fmt.Errorf("%s:%d: a second document", file, more.Line)
	case !errors.Is(err, io.EOF):
		return nil, syntax(file, err)
	}
	root := document.Content[0]
	if root.Kind != yaml.MappingNode {
		return nil, fmt.Errorf("%s:%d: the file must consist of keys and their values", file, root.Line)
	}
	var broken []error
	sound(root, "", func(n *yaml.Node, key, reason string) {
		broken = append(broken, fmt.Errorf("%s:%d: %s: %s", file, n.Line, key, reason))
	})
	if len(broken) > 0 {
		return nil, errors.Join(broken...)
	}
	return root, nil
}

// sound reports what is wrong with a tree whatever its keys mean.
func sound(node *yaml.Node, path string, report func(n *yaml.Node, key, reason string)) {
	switch {
	case node.Kind == yaml.AliasNode || node.Anchor != "":
		report(node, path, "anchors and aliases are not supported")
	case node.Kind == yaml.MappingNode:
		first := map[string]int{}
		for name, value := range members(node) {
			key := join(path, name.Value)
			if name.Kind != yaml.ScalarNode || name.ShortTag() != "!!str" {
				report(name, key, "a key must be text")
				continue
			}
			if line, twice := first[name.Value]; twice {
				report(name, key, fmt.Sprintf("stands twice, first in line %d", line))
				continue
			}
			first[name.Value] = name.Line
			sound(value, key, report)
		}
	case node.Kind == yaml.SequenceNode:
		for i, item := range node.Content {
			sound(item, fmt.Sprintf("%s[%d]", path, i), report)
		}
	case node.ShortTag() == "!!null":
		report(node, path, noValue)
	}
}

// members iterates over the names and values of a mapping.
func members(mapping *yaml.Node) iter.Seq2[*yaml.Node, *yaml.Node] {
	return func(yield func(*yaml.Node, *yaml.Node) bool) {
		for i := 0; i+1 < len(mapping.Content); i += 2 {
			if !yield(mapping.Content[i], mapping.Content[i+1]) {
				return
			}
		}
	}
}

// member is the value of one name in a mapping, or nil.
func member(mapping *yaml.Node, name string) *yaml.Node {
	if mapping == nil {
		return nil
	}
	for n, value := range members(mapping) {
		if n.Value == name {
			return value
		}
	}
	return nil
}

var syntaxLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?`)

// syntax turns "yaml: line 3: …" into "file:3: …".
func syntax(file string, err error) error {
	text := err.Error()
	match := syntaxLine.FindStringSubmatch(text)
	if match == nil {
		return fmt.Errorf("%s: %w", file, err)
	}
	if match[1] == "" {
		return fmt.Errorf("%s: %s", file, text[len(match[0]):])
	}
	return fmt.Errorf("%s:%s: %s", file, match[1], text[len(match[0]):])
}
