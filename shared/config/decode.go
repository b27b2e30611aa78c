package config

import (
	"encoding"
	"errors"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"
	"time"

	"gopkg.in/yaml.v3"
)

const noValue = "has no value"

var (
	durationType = reflect.TypeFor[time.Duration]()
	textType     = reflect.TypeFor[encoding.TextUnmarshaler]()
)

// decoder writes one section into a struct and collects what is wrong with it.
type decoder struct {
	tree   *Tree
	broken []error
}

// find descends to the section at path, claiming what it passes. The node is nil where the file has
// no such section; not ok means that something else stands there.
func (d *decoder) find(path string) (node *yaml.Node, ok bool) {
	node = d.tree.root
	if path == "" {
		return node, true
	}
	var key string
	for name := range strings.SplitSeq(path, ".") {
		key = join(key, name)
		if node = member(node, name); node == nil {
			return nil, true
		}
		d.tree.claimed[node] = true
		if node.Kind != yaml.MappingNode {
			d.refuse(node, key, "must be a section")
			return nil, false
		}
	}
	return node, true
}

func (d *decoder) refuse(node *yaml.Node, key, reason string) {
	d.broken = append(d.broken, fmt.Errorf("%s:%d: %s: %s", d.tree.file, node.Line, key, reason))
}

func (d *decoder) refuseVariable(name, reason string) {
	d.broken = append(d.broken, fmt.Errorf("%s: %s", name, reason))
}

// value decodes node, which is nil where the file is silent, or the variable of key into v. It
// reports whether one of them set anything. Members of maps and slices have no variable: env is
// false for them.
func (d *decoder) value(node *yaml.Node, v reflect.Value, key string, env bool) bool {
	if node != nil {
		d.tree.claimed[node] = true
	}
	switch {
	case isScalar(v.Type()):
		return d.scalar(node, v, key, env)
	case v.Kind() == reflect.Pointer:
		return d.pointer(node, v, key, env)
	case v.Kind() == reflect.Struct:
		if node != nil && node.Kind != yaml.MappingNode {
			d.refuse(node, key, "must be a section")
			return false
		}
		return d.structure(node, v, key, env)
	case v.Kind() == reflect.Slice:
		return d.slice(node, v, key, env)
	case v.Kind() == reflect.Map && v.Type().Key().Kind() == reflect.String:
		return d.mapping(node, v, key)
	}
	panic(fmt.Sprintf("config: %s: cannot configure a %s", key, v.Type()))
}

// pointer allocates only where something is set, and never writes through to the default's value.
func (d *decoder) pointer(node *yaml.Node, v reflect.Value, key string, env bool) bool {
	fresh := reflect.New(v.Type().Elem())
	if !v.IsNil() {
		fresh.Elem().Set(v.Elem())
	}
	if !d.value(node, fresh.Elem(), key, env) {
		return false
	}
	v.Set(fresh)
	return true
}

func (d *decoder) structure(node *yaml.Node, v reflect.Value, key string, env bool) (set bool) {
	for i := range v.NumField() {
		field := v.Type().Field(i)
		name, options, _ := strings.Cut(field.Tag.Get("yaml"), ",")
		switch {
		case field.Anonymous && field.Type.Kind() == reflect.Struct && name == "" || options == "inline":
			set = d.structure(node, v.Field(i), key, env) || set
		case name == "" || name == "-" || !field.IsExported():
		default:
			set = d.value(member(node, name), v.Field(i), join(key, name), env) || set
		}
	}
	return set
}

func (d *decoder) slice(node *yaml.Node, v reflect.Value, key string, env bool) bool {
	if text, name, ok := d.variable(v.Type().Elem(), key, env); ok {
		items := reflect.MakeSlice(v.Type(), 0, 0)
		for item := range strings.SplitSeq(text, ",") {
			element := reflect.New(v.Type().Elem()).Elem()
			if err := set(element, strings.TrimSpace(item)); err != nil {
				d.refuseVariable(name, "an item "+err.Error())
				return false
			}
			items = reflect.Append(items, element)
		}
		v.Set(items)
		return true
	}
	if node == nil {
		return false
	}
	if node.Kind != yaml.SequenceNode {
		d.refuse(node, key, "must be a list")
		return false
	}
	items := reflect.MakeSlice(v.Type(), len(node.Content), len(node.Content))
	for i, item := range node.Content {
		d.value(item, items.Index(i), fmt.Sprintf("%s[%d]", key, i), false)
	}
	v.Set(items)
	return true
}

func (d *decoder) mapping(node *yaml.Node, v reflect.Value, key string) bool {
	if node == nil {
		return false
	}
	if node.Kind != yaml.MappingNode {
		d.refuse(node, key, "must be a section")
		return false
	}
	merged := reflect.MakeMap(v.Type())
	for name, value := range v.Seq2() {
		merged.SetMapIndex(name, value)
	}
	for name, value := range members(node) {
		k := reflect.ValueOf(name.Value).Convert(v.Type().Key())
		element := reflect.New(v.Type().Elem()).Elem()
		if present := merged.MapIndex(k); present.IsValid() {
			element.Set(present)
		}
		d.value(value, element, join(key, name.Value), false)
		merged.SetMapIndex(k, element)
	}
	v.Set(merged)
	return true
}

func (d *decoder) scalar(node *yaml.Node, v reflect.Value, key string, env bool) bool {
	if text, name, ok := d.variable(v.Type(), key, env); ok {
		if err := set(v, text); err != nil {
			d.refuseVariable(name, err.Error())
		}
		return true
	}
	if node == nil {
		return false
	}
	reason := mismatch(node, v)
	if reason == "" {
		if err := set(v, node.Value); err != nil {
			reason = err.Error()
		}
	}
	if reason != "" {
		d.refuse(node, key, reason)
	}
	return true
}

// variable is the text that the environment gives a key whose values are of type of.
func (d *decoder) variable(of reflect.Type, key string, env bool) (text, name string, ok bool) {
	if !env || !isScalar(of) {
		return "", "", false
	}
	name = Variable(key)
	if other, taken := d.tree.variables[name]; taken && other != key {
		panic(fmt.Sprintf("config: %s would set both %s and %s", name, other, key))
	}
	d.tree.variables[name] = key
	text, ok = d.tree.env[name]
	return text, name, ok
}

// isScalar tells whether one text makes a value of the type.
func isScalar(t reflect.Type) bool {
	if reflect.PointerTo(t).Implements(textType) {
		return true
	}
	switch t.Kind() {
	case reflect.String, reflect.Bool, reflect.Float32, reflect.Float64,
		reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return true
	}
	return false
}

// expected says in words what set takes for each kind, and which YAML values it takes it from.
var expected = map[reflect.Kind]struct {
	sentence string
	tags     string
}{
	reflect.String:  {"must be text: put it in quotes", "!!str"},
	reflect.Bool:    {"must be true or false", "!!bool"},
	reflect.Float64: {"must be a number", "!!int !!float"},
	reflect.Int64:   {"must be a whole number", "!!int"},
	reflect.Uint64:  {"must be a whole number, not negative", "!!int"},
}

const wantDuration = "must be a duration such as 500ms, 5s or 1h30m"

// widest maps a kind of number to the one that stands for its family.
func widest(k reflect.Kind) reflect.Kind {
	switch {
	case k >= reflect.Int && k <= reflect.Int64:
		return reflect.Int64
	case k >= reflect.Uint && k <= reflect.Uint64:
		return reflect.Uint64
	case k == reflect.Float32:
		return reflect.Float64
	}
	return k
}

// mismatch says what is wrong with the YAML type of a value, or "". Types with UnmarshalText take
// any single value as it is written.
func mismatch(node *yaml.Node, v reflect.Value) string {
	if node.Kind != yaml.ScalarNode {
		return "must be a single value"
	}
	if v.Type() == durationType || v.Addr().Type().Implements(textType) {
		return ""
	}
	want := expected[widest(v.Kind())]
	if !strings.Contains(want.tags, node.ShortTag()) {
		return want.sentence
	}
	return ""
}

// set parses text into a single value. Its errors are predicates without the text.
func set(v reflect.Value, text string) error {
	if strings.TrimSpace(text) == "" {
		return errors.New(noValue)
	}
	if secret, ok := v.Addr().Interface().(*Secret); ok {
		return secret.resolve(text)
	}
	if v.Type() == durationType {
		duration, err := time.ParseDuration(text)
		v.SetInt(int64(duration))
		return predicate(err, wantDuration)
	}
	if custom, ok := v.Addr().Interface().(encoding.TextUnmarshaler); ok {
		return predicate(custom.UnmarshalText([]byte(text)), "is not of the form that is expected here")
	}
	kind := widest(v.Kind())
	want := expected[kind].sentence
	switch kind {
	case reflect.String:
		v.SetString(text)
	case reflect.Bool:
		if text != "true" && text != "false" {
			return errors.New(want)
		}
		v.SetBool(text == "true")
	case reflect.Int64:
		n, err := strconv.ParseInt(text, 10, v.Type().Bits())
		v.SetInt(n)
		return predicate(err, want)
	case reflect.Uint64:
		n, err := strconv.ParseUint(text, 10, v.Type().Bits())
		v.SetUint(n)
		return predicate(err, want)
	case reflect.Float64:
		f, err := strconv.ParseFloat(text, v.Type().Bits())
		if err != nil || math.IsInf(f, 0) || math.IsNaN(f) {
			return errors.New(want)
		}
		v.SetFloat(f)
	}
	return nil
}

// predicate replaces an error that would quote the value.
func predicate(err error, sentence string) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, strconv.ErrRange):
		return errors.New(sentence + ": it is out of range")
	}
	return errors.New(sentence)
}
