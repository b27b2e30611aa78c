package contract

import (
	"github.com/getkin/kin-openapi/openapi3"

	"puente/shared/problem"
)

// Check is a schema, compiled to be read against a JSON text in one pass. It is safe for concurrent
// use. Its verdict is that of kin-openapi's Schema.VisitJSON, apart from what FuzzCheckAgainstKin
// lists.
type Check struct {
	root   edge
	schema *openapi3.Schema // what it is compiled from
}

// Members are the names of the members that the schema declares, if it is an object's.
func (c *Check) Members() []string {
	var names []string
	if o := c.root.node.object; o != nil {
		for _, m := range o.members {
			names = append(names, m.name)
		}
	}
	return names
}

// Read checks body in one pass: that it is one JSON value and nothing more, within limits, and that it
// keeps the schema.
//
// canonical is body with the member names spelt as the schema spells them where x-fold-names or
// x-aliases asks for it, and with numbers in the place of the strings that x-digits lets pass, or the
// reverse: body itself if nothing changes, nil if body is not JSON or breaks a limit. Duplicate names count as a broken
// limit, so do two names that fold to one, or are aliases of one.
//
// broken holds what body breaks, at most 20 fields; a field never holds a value. They are in one order,
// whatever the order of the body: first what made it impossible to read on, then what is Missing, then
// the rest, the last two as the document lists the properties; what it does not list comes after these.
func (c *Check) Read(body []byte, limits Limits) (canonical []byte, broken []problem.Field) {
	r := readers.Get().(*reader)
	r.start(body, limits.orDefaults())
	if r.value(c.root.node) && r.end() {
		canonical = r.canonical(body)
	}
	broken = r.release()
	return canonical, broken
}
