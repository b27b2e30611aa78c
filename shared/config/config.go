// Package config puts the program's configuration together: defaults in the caller's literal, one
// YAML file over them, PUENTE_ variables of the environment over that, then Validate.
//
//	tree, err := config.Load("puente.yaml", os.Environ())
//	cfg := Config{HTTP: httpclient.Config{Timeout: 5 * time.Second}} // the defaults
//	err = tree.Section("sapi.inventory", &cfg)
//	…
//	err = tree.Unclaimed() // what no section asked for: typing errors, with their lines
//
// Every message names the key and where it stands ("puente.yaml:12: unknown key
// sapi.inventory.tokn") and never holds a value, which may be a secret. The reader works on the
// nodes of yaml.v3: a merged map of koanf or viper has forgotten lines, and then what is left of
// such a library is a loop over the environment.
package config

import (
	"cmp"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"

	"gopkg.in/yaml.v3"
)

// Tree is one configuration as it was loaded: the file and the variables of one moment. Sections
// are read from it, and each remembers what it asked for, so that Unclaimed finds the rest.
type Tree struct {
	file    string
	environ []string
	digest  digest
	root    *yaml.Node        // a mapping
	env     map[string]string // the PUENTE_ variables

	mu        sync.Mutex
	claimed   map[*yaml.Node]bool // value nodes that a section asked for
	variables map[string]string   // variable -> the key that it sets
	skipped   []string            // keys of sections that other processes read
}

// Load reads the file, if one is named, and takes the PUENTE_ variables from environ ("name=value",
// as os.Environ gives them). It refuses what is no configuration at all: a missing, empty,
// half-written or too large file, broken YAML, a key that stands twice, a key without a value. What
// the values mean is known to Section.
func Load(file string, environ []string) (*Tree, error) {
	t := &Tree{
		file:      file,
		environ:   environ,
		env:       variables(environ),
		root:      &yaml.Node{Kind: yaml.MappingNode},
		claimed:   map[*yaml.Node]bool{},
		variables: map[string]string{},
	}
	if file == "" {
		return t, nil
	}
	text, err := read(file)
	if err != nil {
		return nil, err
	}
	t.digest = digestOf(text, nil)
	if t.root, err = parse(file, text); err != nil {
		return nil, err
	}
	return t, nil
}

// Section decodes the section at path ("sapi.salesorder"; "" is the top level) over the values that
// dst, a pointer to a struct, holds already, and calls dst's Validate() error if it has one. All
// that is wrong is reported at once.
//
// Members are the fields with a yaml tag; a field without one is no configuration. A field is text,
// bool, a number, a time.Duration ("1m30s"), anything with UnmarshalText, a struct, or a slice or a
// map[string] of these. A slice replaces the default, a map adds to it. The environment overrides
// single values and slices of them (as a list with commas), not members of maps and slices.
func (t *Tree) Section(path string, dst any) error {
	v := reflect.ValueOf(dst)
	if v.Kind() != reflect.Pointer || v.IsNil() || v.Elem().Kind() != reflect.Struct {
		panic(fmt.Sprintf("config: section %q wants a pointer to a struct, got %T", path, dst))
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	d := decoder{tree: t}
	if node, ok := d.find(path); ok {
		d.structure(node, v.Elem(), path, true)
	}
	if len(d.broken) > 0 {
		return errors.Join(d.broken...)
	}
	if checked, ok := dst.(interface{ Validate() error }); ok {
		return located(path, checked.Validate())
	}
	return nil
}

// Skip leaves the section at path, and the variables below it, to others: an API that another
// process hosts from the same file, or a variable that only the command line reads.
func (t *Tree) Skip(path string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.skipped = append(t.skipped, path)
}

// Unclaimed joins an error for every key of the file and every PUENTE_ variable that no section
// asked for; nil when there is none. PUENTE_TEST_ variables belong to tests.
func (t *Tree) Unclaimed() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	var unknown []unknownKey
	t.unclaimed(t.root, "", &unknown)
	slices.SortStableFunc(unknown, func(a, b unknownKey) int { return cmp.Compare(a.line, b.line) })
	var errs []error
	for _, u := range unknown {
		errs = append(errs, fmt.Errorf("%s:%d: unknown key %s", t.file, u.line, u.key))
	}
	for _, name := range sortedKeys(t.env) {
		if _, ok := t.variables[name]; !ok && !t.skipsVariable(name) {
			errs = append(errs, fmt.Errorf("unknown variable %s", name))
		}
	}
	return errors.Join(errs...)
}

type unknownKey struct {
	key  string
	line int
}

func (t *Tree) unclaimed(node *yaml.Node, path string, unknown *[]unknownKey) {
	switch node.Kind {
	case yaml.MappingNode:
		for name, value := range members(node) {
			key := join(path, name.Value)
			switch {
			case slices.Contains(t.skipped, key):
			case t.claimed[value] || t.skipsBelow(key):
				t.unclaimed(value, key, unknown)
			default:
				*unknown = append(*unknown, unknownKey{key, name.Line})
			}
		}
	case yaml.SequenceNode:
		for i, item := range node.Content {
			t.unclaimed(item, fmt.Sprintf("%s[%d]", path, i), unknown)
		}
	}
}

// skipsBelow tells whether a skipped section lies below key.
func (t *Tree) skipsBelow(key string) bool {
	return slices.ContainsFunc(t.skipped, func(s string) bool { return strings.HasPrefix(s, key+".") })
}

func (t *Tree) skipsVariable(name string) bool {
	return slices.ContainsFunc(t.skipped, func(s string) bool {
		variable := Variable(s)
		return name == variable || strings.HasPrefix(name, variable+"_")
	})
}

// located puts the section before each message of a validation.
func located(path string, err error) error {
	if err == nil || path == "" {
		return err
	}
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return fmt.Errorf("%s: %w", path, err)
	}
	var errs []error
	for _, e := range joined.Unwrap() {
		errs = append(errs, located(path, e))
	}
	return errors.Join(errs...)
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}
