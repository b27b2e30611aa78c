package contract

// node is a compiled schema. It is shared by all that refer to the schema, itself included.
type node struct {
	kinds  kinds       // what a value may be
	rule   string      // what a value of another kind breaks
	text   *textRule   // what a string must keep; nil: nothing
	number *numberRule // what a number must keep; nil: nothing
	bools  *boolRule   // what a boolean must keep; nil: nothing
	object *objectRule // never nil where an object is allowed
	array  *arrayRule  // never nil where an array is allowed
	digits bool        // x-digits: a string of digits will do for the number, or a number for the string
	pii    pii
	key    bool // x-audit-key
}

// kinds is a set of JSON kinds.
type kinds uint8

const (
	nulls kinds = 1 << iota
	booleans
	numbers
	texts
	objects
	arrays

	everything = nulls | booleans | numbers | texts | objects | arrays
)

// unchecked is what values are read against that no schema speaks of: only the limits hold.
var unchecked = func() *node {
	n := &node{kinds: everything}
	n.object = &objectRule{extra: edge{node: n}, unknown: true, max: -1}
	n.array = &arrayRule{items: edge{node: n}, max: -1}
	return n
}()

// edge leads to a node and says what is masked of a value that comes by it, and whether audit records
// are found by the value.
type edge struct {
	node *node
	pii  pii
	key  bool
}

// objectRule is what an object must keep.
type objectRule struct {
	members  []member       // in the order of the document
	index    map[string]int // into members, by name and alias
	folded   map[string]int // the same by lower-case name; nil unless names are folded
	longest  int            // bytes of the longest name
	required []int          // into members, in their order
	extra    edge           // of members that are not declared
	closed   bool           // no such members
	unknown  bool           // Mask keeps such members
	min, max int            // members; max < 0: no limit
}

// member is a declared member of an object.
type member struct {
	name   string
	quoted []byte // name as JSON
	edge
	required bool
}

// arrayRule is what an array must keep.
type arrayRule struct {
	items    edge
	min, max int // items; max < 0: no limit
	unique   bool
}

// boolRule is an enum of booleans.
type boolRule struct{ yes, no bool }
