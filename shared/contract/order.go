package contract

import (
	"cmp"
	"fmt"
	"slices"

	"gopkg.in/yaml.v3"

	"puente/shared/problem"
)

// order tells by its JSON pointer where a property stands in the document, before or after others:
// kin-openapi forgets it. A property that it does not know comes first; there is one only where the
// document names its schema in a roundabout way.
type order map[string]int

// orderOf reads the order of a document's properties.
func orderOf(spec []byte) (order, error) {
	var root yaml.Node
	if err := yaml.Unmarshal(spec, &root); err != nil {
		return nil, fmt.Errorf("order of properties: %w", err)
	}
	o := order{}
	o.walk("#", &root)
	return o, nil
}

func (o order) walk(pointer string, n *yaml.Node) {
	switch n.Kind {
	case yaml.DocumentNode:
		o.walk(pointer, n.Content[0])
	case yaml.AliasNode:
		o.walk(pointer, n.Alias)
	case yaml.SequenceNode:
		for i, item := range n.Content {
			o.walk(fmt.Sprint(pointer, "/", i), item)
		}
	case yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			place := pointer + "/" + token(n.Content[i].Value)
			o[place] = len(o) + 1
			o.walk(place, n.Content[i+1])
		}
	}
}

// breach is a broken field, and where it stands in the order of the document.
type breach struct {
	field problem.Field
	ranks []int // of the steps of its path
}

// note notes that the value at the current path breaks rule.
func (r *reader) note(kind problem.Breach, rule string) {
	if r.noted[kind] == maxBroken {
		return
	}
	r.noted[kind]++
	ranks := make([]int, len(r.path))
	for i, s := range r.path {
		ranks[i] = s.rank
	}
	r.broken = append(r.broken, breach{problem.Field{Path: r.path.String(), Rule: rule, Breach: kind, Member: r.path.proper()}, ranks})
}

// turns are the kinds of breach in the order in which they are reported.
var turns = [...]int{problem.Unreadable: 0, problem.Missing: 1, problem.Wrong: 2}

// inOrder are the first maxBroken of what is broken, in the order that Read promises.
func inOrder(broken []breach) []problem.Field {
	slices.SortStableFunc(broken, func(a, b breach) int {
		return cmp.Or(cmp.Compare(turns[a.field.Breach], turns[b.field.Breach]), slices.Compare(a.ranks, b.ranks))
	})
	fields := make([]problem.Field, min(len(broken), maxBroken))
	for i := range fields {
		fields[i] = broken[i].field
	}
	return fields
}
