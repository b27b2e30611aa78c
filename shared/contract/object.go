package contract

import (
	"bytes"
	"fmt"

	"github.com/go-json-experiment/json/jsontext"

	"puente/shared/problem"
)

// object reads an object. The decoder refuses names that are given twice; names that fold to one, or are
// aliases of one, are refused here.
func (r *reader) object(o *objectRule) bool {
	if !r.enter() {
		return false
	}
	base := len(r.seen)
	for range o.members {
		r.seen = append(r.seen, false)
	}
	var others map[string]struct{} // undeclared names, where names are folded
	count := 0
	for ; r.dec.PeekKind() != '}'; count++ {
		raw, err := r.dec.ReadValue()
		if err != nil {
			return r.syntax(err)
		}
		if count == r.limits.Members {
			return r.stop(fmt.Sprintf("has more than %d members", r.limits.Members))
		}
		if len(raw)-2 > r.limits.String {
			return r.stop(fmt.Sprintf("has a name longer than %d bytes", r.limits.String))
		}
		name := raw[1 : len(raw)-1]
		if bytes.IndexByte(name, '\\') >= 0 {
			name, _ = jsontext.AppendUnquote(nil, raw) // the decoder has read it: it is valid
		}
		i, declared := o.find(name)
		rank := i
		if !declared {
			rank = len(o.members) + count
		}
		r.path = append(r.path, step{name: name, rank: rank})
		next := o.extra.node
		switch {
		case declared && r.seen[base+i]:
			return r.stop("is given twice, in different spellings")
		case declared:
			r.seen[base+i] = true
			next = o.members[i].node
			if string(name) != o.members[i].name {
				r.path[len(r.path)-1].proper = o.members[i].name
				end := int(r.dec.InputOffset())
				r.edits = append(r.edits, edit{end - len(raw), end, o.members[i].quoted})
			}
		case o.folded != nil:
			folded := lower(string(name))
			if _, ok := others[folded]; ok {
				return r.stop("is given twice, in different spellings")
			}
			if others == nil {
				others = map[string]struct{}{}
			}
			others[folded] = struct{}{}
		}
		if !declared && o.closed {
			r.breaks("is not known here")
		}
		r.required = declared && o.members[i].required
		if !r.value(next) {
			return false
		}
		r.path = r.path[:len(r.path)-1]
	}
	if _, err := r.dec.ReadToken(); err != nil {
		return r.syntax(err)
	}
	r.complete(o, count, r.seen[base:])
	r.seen = r.seen[:base]
	return true
}

// complete checks what only the end of an object shows.
func (r *reader) complete(o *objectRule, count int, seen []bool) {
	if count < o.min {
		r.breaks(fmt.Sprintf("must have at least %d members", o.min))
	}
	if o.max >= 0 && count > o.max {
		r.breaks(fmt.Sprintf("must have at most %d members", o.max))
	}
	for _, i := range o.required {
		if !seen[i] {
			r.path = append(r.path, step{name: []byte(o.members[i].name), rank: i})
			r.note(problem.Missing, "is required")
			r.path = r.path[:len(r.path)-1]
		}
	}
}

// find is the declared member of that name or alias, without regard to ASCII case where names are folded.
func (o *objectRule) find(name []byte) (int, bool) {
	if i, ok := o.index[string(name)]; ok || o.folded == nil || len(name) > o.longest {
		return i, ok
	}
	var small [64]byte
	folded := small[:0]
	for _, b := range name {
		if 'A' <= b && b <= 'Z' {
			b += 'a' - 'A'
		}
		folded = append(folded, b)
	}
	i, ok := o.folded[string(folded)]
	return i, ok
}

// lower folds the ASCII letters of a name, and only these: ſ and K (the kelvin sign) stay what they are.
func lower(name string) string {
	b := []byte(name)
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return string(b)
}

// canonical is body with the edits made; body itself if there are none.
func (r *reader) canonical(body []byte) []byte {
	if len(r.edits) == 0 {
		return body
	}
	size := len(body)
	for _, e := range r.edits {
		size += len(e.text) - (e.to - e.from)
	}
	out := make([]byte, 0, size)
	from := 0
	for _, e := range r.edits {
		out = append(append(out, body[from:e.from]...), e.text...)
		from = e.to
	}
	return append(out, body[from:]...)
}
