package contract

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/go-json-experiment/json/jsontext"

	"puente/shared/problem"
)

// maxBroken bounds what one Read reports.
const maxBroken = 20

// reader is the state of one Read. Its methods that read return false when the body cannot be read on.
type reader struct {
	dec     jsontext.Decoder
	source  []byte
	buffer  bytes.Buffer // over source
	limits  Limits
	path    path
	seen    []bool // for each object being read, which of its declared members came
	edits   []edit
	scratch []byte // of a text without its escapes

	broken   []breach
	noted    [problem.Unreadable + 1]int // how many of each kind
	required bool                        // whether the next value is a required member's
	lacking  bool                        // whether what is being checked is null or empty, and required
}

// edit replaces a member name, or a number that came as a string or the reverse, by its canonical spelling.
type edit struct {
	from, to int // of the body
	text     []byte
}

var readers = sync.Pool{New: func() any { return new(reader) }}

func (r *reader) start(body []byte, limits Limits) {
	r.limits = limits
	r.source = body
	r.buffer = *bytes.NewBuffer(body) // which the decoder reads in place
	r.dec.Reset(&r.buffer)
}

// release gives the reader back and returns what was broken.
func (r *reader) release() []problem.Field {
	var broken []problem.Field
	if len(r.broken) > 0 {
		broken = inOrder(r.broken)
	}
	clear(r.broken)
	r.source, r.buffer, r.broken = nil, bytes.Buffer{}, r.broken[:0]
	r.noted, r.required, r.lacking = [len(r.noted)]int{}, false, false
	r.path, r.seen, r.edits = r.path[:0], r.seen[:0], r.edits[:0]
	readers.Put(r)
	return broken
}

// breaks notes a rule that the value at the current path breaks.
func (r *reader) breaks(rule string) {
	if r.lacking {
		r.note(problem.Missing, rule)
	} else {
		r.note(problem.Wrong, rule)
	}
}

// stop notes what makes it impossible or unsafe to read on.
func (r *reader) stop(rule string) bool {
	r.note(problem.Unreadable, rule)
	return false
}

// syntax is stop for an error of the decoder.
func (r *reader) syntax(err error) bool {
	var where *jsontext.SyntacticError
	switch {
	case errors.Is(err, jsontext.ErrDuplicateName):
		if errors.As(err, &where) {
			r.path = append(r.path, step{name: []byte(where.JSONPointer.LastToken())})
		}
		return r.stop("is given twice")
	case errors.Is(err, io.EOF):
		return r.stop("is empty")
	}
	r.path = r.path[:0]
	if errors.As(err, &where) {
		return r.stop(fmt.Sprintf("is not JSON at byte %d", where.ByteOffset))
	}
	return r.stop("is not JSON")
}

// end reads what follows the value: nothing.
func (r *reader) end() bool {
	switch _, err := r.dec.ReadToken(); {
	case err == io.EOF:
		return true
	case err == nil:
		return r.stop("is followed by more data")
	default:
		return r.syntax(err)
	}
}

// value reads the next value against n.
func (r *reader) value(n *node) bool {
	required := r.required
	r.required = false
	switch r.dec.PeekKind() {
	case '"':
		raw, err := r.dec.ReadValue()
		if err != nil {
			return r.syntax(err)
		}
		return r.text(n, raw, required)
	case '0':
		raw, err := r.dec.ReadValue()
		if err != nil {
			return r.syntax(err)
		}
		switch {
		case n.digits && n.number == nil:
			return r.spelt(n, raw)
		case !r.allows(n, numbers) || n.number == nil:
		case n.digits && !allDigits(raw):
			r.breaks(n.rule)
		default:
			n.number.check(raw, r.breaks)
		}
		return true
	case 't', 'f', 'n':
		raw, err := r.dec.ReadValue()
		if err != nil {
			return r.syntax(err)
		}
		r.lacking = required && raw[0] == 'n'
		r.literal(n, raw)
		r.lacking = false
		return true
	case '{':
		if !r.allows(n, objects) {
			n = unchecked
		}
		return r.object(n.object)
	case '[':
		if !r.allows(n, arrays) {
			n = unchecked
		}
		return r.array(n.array)
	default:
		_, err := r.dec.ReadToken()
		return r.syntax(err)
	}
}

// allows reports whether a value may be of that kind, and notes if it may not.
func (r *reader) allows(n *node, kind kinds) bool {
	if n.kinds&kind != 0 {
		return true
	}
	if kind == nulls {
		r.breaks("must not be null")
	} else {
		r.breaks(n.rule)
	}
	return false
}

func (r *reader) text(n *node, raw []byte, required bool) bool {
	if len(raw)-2 > r.limits.String {
		return r.stop(fmt.Sprintf("is longer than %d bytes", r.limits.String))
	}
	r.lacking = required && len(raw) == len(`""`)
	switch {
	case n.digits && n.number != nil:
		r.digits(n, raw)
	case r.allows(n, texts) && n.text != nil:
		n.text.check(r.unquoted(raw), r.breaks)
	}
	r.lacking = false
	return true
}

// digits reads a string in the place of a number; the canonical body has the number.
func (r *reader) digits(n *node, raw []byte) {
	text := r.unquoted(raw)
	if !allDigits(text) {
		r.breaks(n.rule)
		return
	}
	number := bytes.TrimLeft(text[:len(text)-1], "0")
	number = text[len(text)-1-len(number):]
	n.number.check(number, r.breaks)
	end := int(r.dec.InputOffset())
	r.edits = append(r.edits, edit{end - len(raw), end, bytes.Clone(number)})
}

// spelt reads a number in the place of a string; the canonical body has the string.
func (r *reader) spelt(n *node, raw []byte) bool {
	if len(raw) > r.limits.String {
		return r.stop(fmt.Sprintf("is longer than %d bytes", r.limits.String))
	}
	if !allDigits(raw) {
		r.breaks(n.rule)
		return true
	}
	if n.text != nil {
		n.text.check(raw, r.breaks)
	}
	end := int(r.dec.InputOffset())
	r.edits = append(r.edits, edit{end - len(raw), end, quote(string(raw))})
	return true
}

// allDigits reports whether text is a whole number without sign, fraction or exponent.
func allDigits(text []byte) bool {
	for _, b := range text {
		if b < '0' || b > '9' {
			return false
		}
	}
	return len(text) > 0
}

func (r *reader) literal(n *node, raw []byte) {
	if raw[0] == 'n' {
		r.allows(n, nulls)
		return
	}
	if !r.allows(n, booleans) || n.bools == nil {
		return
	}
	switch is := raw[0] == 't'; {
	case is && !n.bools.yes:
		r.breaks("must be false")
	case !is && !n.bools.no:
		r.breaks("must be true")
	}
}

// unquoted is the text of a JSON string, valid until the next call.
func (r *reader) unquoted(raw []byte) []byte {
	if bytes.IndexByte(raw, '\\') < 0 {
		return raw[1 : len(raw)-1]
	}
	r.scratch, _ = jsontext.AppendUnquote(r.scratch[:0], raw) // the decoder has read it: it is valid
	return r.scratch
}

// enter goes one level down, unless that is too deep.
func (r *reader) enter() bool {
	if r.dec.StackDepth() >= r.limits.Depth {
		return r.stop(fmt.Sprintf("is nested deeper than %d levels", r.limits.Depth))
	}
	if _, err := r.dec.ReadToken(); err != nil {
		return r.syntax(err)
	}
	return true
}

func (r *reader) array(a *arrayRule) bool {
	if !r.enter() {
		return false
	}
	var items distinct
	count := 0
	for ; r.dec.PeekKind() != ']'; count++ {
		if count == r.limits.Items {
			return r.stop(fmt.Sprintf("has more than %d items", r.limits.Items))
		}
		r.path = append(r.path, step{index: count, rank: count})
		start := r.dec.InputOffset()
		if !r.value(a.items.node) {
			return false
		}
		r.path = r.path[:len(r.path)-1]
		if a.unique {
			items.add(bytes.TrimLeft(r.source[start:r.dec.InputOffset()], ", \t\r\n"))
		}
	}
	if _, err := r.dec.ReadToken(); err != nil {
		return r.syntax(err)
	}
	r.counted(a, count)
	if items.repeated {
		r.breaks("must not have the same item twice")
	}
	return true
}

// counted checks the number of items.
func (r *reader) counted(a *arrayRule, count int) {
	if count < a.min {
		r.breaks(fmt.Sprintf("must have at least %d items", a.min))
	}
	if a.max >= 0 && count > a.max {
		r.breaks(fmt.Sprintf("must have at most %d items", a.max))
	}
}

// distinct finds items that are equal: objects whatever the order of their members, numbers by their
// spelling, as kin-openapi does.
type distinct struct {
	seen     map[string]struct{}
	repeated bool
}

func (d *distinct) add(raw []byte) {
	if d.repeated {
		return
	}
	key, _ := jsontext.AppendFormat(nil, raw, jsontext.ReorderRawObjects(true)) // the decoder has read it: it is valid
	if _, ok := d.seen[string(key)]; ok {
		d.repeated = true
	}
	if d.seen == nil {
		d.seen = map[string]struct{}{}
	}
	d.seen[string(key)] = struct{}{}
}
