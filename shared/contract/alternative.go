package contract

import (
	"cmp"
	"strconv"

	"github.com/getkin/kin-openapi/openapi3"
)

// envelopeMembers are what an envelope holds: the caller context and the API's own body.
var envelopeMembers = [...]string{"WSRequestHeader", "WSRequestBody"}

// marked reports whether a schema has the flag name.
func (r *reading) marked(at, name string, ref *openapi3.SchemaRef) bool {
	return noted[bool](r, at)(extensions(ref.Value.Extensions).flag(name))
}

// alternatives compiles a schema of components, or each of its alternatives where one of them is
// marked as an envelope or a fault.
func (r *reading) alternatives(at string, ref *openapi3.SchemaRef) {
	for _, alternative := range ref.Value.OneOf {
		if r.marked(at, "x-envelope", alternative) || r.marked(at, "x-fault", alternative) {
			for _, each := range ref.Value.OneOf {
				r.compiler.compile(each, at, false)
			}
			return
		}
	}
	r.compiler.compile(ref, at, false)
}

// inside is the schema that the check of a request body reads, where it is, and whether names fold above it: of a
// body that is itself the envelope, what is in it; of oneOf [flat, {x-envelope: true}], the flat one.
func (r *reading) inside(at string, ref *openapi3.SchemaRef, op *Operation) (*openapi3.SchemaRef, string, bool) {
	if r.marked(at, "x-envelope", ref) {
		op.Envelope, op.EnvelopeRequired = true, true
		r.compiler.compile(ref, at, false) // the envelope is held to the rules, too
		for _, name := range envelopeMembers {
			if ref.Value.Properties[name] == nil {
				r.add(at, "x-envelope needs the property %s", name)
				return ref, at, false
			}
		}
		fold, _ := extensions(ref.Value.Extensions).flag("x-fold-names")
		return ref.Value.Properties[envelopeMembers[1]], cmp.Or(ref.Ref, at) + "/properties/" + envelopeMembers[1], fold
	}
	for i, alternative := range ref.Value.OneOf {
		if !r.marked(at, "x-envelope", alternative) {
			continue
		}
		if len(ref.Value.OneOf) != 2 {
			r.add(at, "x-envelope needs exactly one other alternative")
			return ref, at, false
		}
		op.Envelope = true
		return ref.Value.OneOf[1-i], cmp.Or(ref.Ref, at) + "/oneOf/" + strconv.Itoa(1-i), false
	}
	return ref, at, false
}

// success is the schema of an answer that is no error: ref itself, or the one alternative that
// x-fault does not mark; nil where all are marked. The marked ones are held to the rules, and no
// more: an enveloped API tells its errors under the status of its successes.
func (r *reading) success(at string, ref *openapi3.SchemaRef) *openapi3.SchemaRef {
	var faults, others []*openapi3.SchemaRef
	for _, alternative := range ref.Value.OneOf {
		if r.marked(at, "x-fault", alternative) {
			faults = append(faults, alternative)
		} else {
			others = append(others, alternative)
		}
	}
	switch {
	case len(faults) == 0:
		return ref
	case len(others) > 1:
		r.add(at, "x-fault leaves more than one other alternative")
	}
	for _, fault := range faults {
		r.compiler.compile(fault, at, false)
	}
	if len(others) == 0 {
		return nil
	}
	return others[0]
}
