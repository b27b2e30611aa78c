package contract

import (
	"bytes"
	"slices"
	"sync"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/go-json-experiment/json/jsontext"
)

// unreadable stands for a body that cannot be masked because it cannot be read.
const unreadable = `"unreadable"`

// Masking says how personal data is made unrecognisable: Mask keeps an end by which people recognise
// it (telemetry.Mask), Document a shorter one (telemetry.MaskDocument), Hash gives a pseudonym that
// stays the same (keyring.Ring.MAC). A nil function hides the value whole.
//
// Key is told each value of a member with x-audit-key as the masked body shows it, in the order of the
// body, with the member's name as the schema spells it; items go by the name of their array. It is not
// told what is null, empty or hidden whole.
type Masking struct {
	Mask     func(string) string
	Document func(string) string
	Hash     func(string) string
	Key      func(name, value string)
}

// pii is what x-pii says of a value.
type pii uint8

const (
	piiNone pii = iota
	piiMask
	piiDocument // of an identity document's number
	piiHash
	piiDrop
	piiKeepUnknown // of an object: its undeclared members are kept
)

var piiWords = map[string]pii{"": piiNone, "mask": piiMask, "mask-document": piiDocument, "hash": piiHash, "drop": piiDrop, "keep-unknown": piiKeepUnknown}

// pii is x-pii of a schema.
func (c *compiler) pii(at string, e extensions, s *openapi3.Schema) pii {
	word, err := e.word("x-pii", "mask", "mask-document", "hash", "drop", "keep-unknown")
	if err != nil {
		c.add(at, "%v", err)
	}
	p := piiWords[word]
	if p == piiKeepUnknown && !s.Type.Is(openapi3.TypeObject) && len(s.AllOf) == 0 {
		c.add(at, "x-pii: keep-unknown is for objects")
	}
	return p
}

// key is x-audit-key of a schema.
func (c *compiler) key(at string, e extensions) bool {
	yes, err := e.flag("x-audit-key")
	if err != nil {
		c.add(at, "%v", err)
	}
	return yes
}

// Mask appends body to dst, without insignificant space and with personal data masked as the schema's
// x-pii says. What the schema does not vouch for does not get through, however the body breaks the
// contract:
//
//   - mask and hash replace strings and numbers; objects, arrays and booleans become "******"; null stays
//   - drop leaves the member or item out
//   - a member that the schema does not declare is left out, unless x-pii: keep-unknown, or
//     additionalProperties with a schema, vouches for it
//   - a value of another kind than the schema's becomes "******"
//   - a body that is not JSON, or is nested deeper than 32 levels, becomes "unreadable"
//
// A value whose schema is empty ({}) is kept as it is.
func (c *Check) Mask(dst, body []byte, with Masking) []byte {
	m := maskers.Get().(*masker)
	defer m.release()
	m.with = with
	dst = slices.Grow(dst, len(body)) // what is masked is seldom longer
	m.scanned = scanner{text: body}
	m.from, m.out = &m.scanned, dst
	if m.value(c.root) && m.from.end() {
		m.tell()
		return m.out
	}
	return m.decode(c.root, dst, body)
}

// decode masks a body of which the scanner is not sure. What it holds before a fault is told.
func (m *masker) decode(root edge, dst, body []byte) []byte {
	m.buffer = *bytes.NewBuffer(body) // which the decoder reads in place
	m.decoded.Reset(&m.buffer, repeatedNames)
	m.from, m.out, m.told = &m.decoded, dst, m.told[:0]
	ok := m.value(root)
	m.tell()
	if ok && m.from.end() {
		return m.out
	}
	return append(dst, unreadable...)
}

// A body that gives a name twice is refused, and yet masked: both are.
var repeatedNames = jsontext.AllowDuplicateNames(true)

// hidden stands for a value of which nothing may be seen.
const hidden = `"******"`

// masker is the state of one Mask. Its methods return false when the body cannot be read on.
type masker struct {
	from    source // one of the next two
	scanned scanner
	decoded decoded
	buffer  bytes.Buffer
	with    Masking
	out     []byte
	name    string // of the member being masked, as the schema spells it; "" where it declares none
	told    []shown
}

// shown is a value for Key, as it lies in a masker's out.
type shown struct {
	name     string
	from, to int
}

var maskers = sync.Pool{New: func() any { return new(masker) }}

func (m *masker) release() {
	m.scanned, m.buffer, m.with, m.out, m.name, m.told = scanner{}, bytes.Buffer{}, Masking{}, nil, "", m.told[:0]
	maskers.Put(m)
}

func (m *masker) value(e edge) bool {
	at := len(m.out)
	ok := m.masked(e)
	if ok && e.key && m.name != "" && m.with.Key != nil {
		m.told = append(m.told, shown{m.name, at, len(m.out)})
	}
	return ok
}

// tell tells Key the values met.
func (m *masker) tell() {
	for _, s := range m.told {
		value := m.out[s.from:s.to]
		if string(value) == hidden || string(value) == "null" {
			continue
		}
		if value = unquoted(value); len(value) > 0 {
			m.with.Key(s.name, string(value))
		}
	}
}

func (m *masker) masked(e edge) bool {
	n, kind := e.node, kindOf(m.from.peek())
	switch {
	case kind == nulls || e.pii == piiNone || e.pii == piiKeepUnknown:
	case e.pii == piiMask && kind&(texts|numbers) != 0:
		return m.replaced(m.with.Mask)
	case e.pii == piiDocument && kind&(texts|numbers) != 0:
		return m.replaced(m.with.Document)
	case e.pii == piiHash && kind&(texts|numbers) != 0:
		return m.replaced(m.with.Hash)
	default:
		return m.hide()
	}
	switch {
	case kind == 0 || kind != nulls && n.kinds&kind == 0:
		return m.hide()
	case kind == objects:
		return m.object(n.object)
	case kind == arrays:
		return m.array(n.array)
	}
	raw, ok := m.from.value()
	m.out = append(m.out, raw...)
	return ok
}

// kindOf is the kind of the next value; none if there is no value to be read.
func kindOf(k jsontext.Kind) kinds {
	switch k {
	case 'n':
		return nulls
	case 't', 'f':
		return booleans
	case '0':
		return numbers
	case '"':
		return texts
	case '{':
		return objects
	case '[':
		return arrays
	}
	return 0
}

func (m *masker) hide() bool {
	m.out = append(m.out, hidden...)
	return m.from.skip()
}

// replaced writes what by makes of the next value, a string or a number.
func (m *masker) replaced(by func(string) string) bool {
	if by == nil {
		return m.hide()
	}
	raw, ok := m.from.value()
	if !ok {
		return false
	}
	quoted, err := jsontext.AppendQuote(m.out, by(string(unquoted(raw))))
	if err != nil { // by cut a character in two
		quoted = append(m.out, hidden...)
	}
	m.out = quoted
	return true
}

// unquoted is the text of a valid string, in place where it holds no escapes, and any other value as it
// is.
func unquoted(raw []byte) []byte {
	if raw[0] != '"' {
		return raw
	}
	if bytes.IndexByte(raw, '\\') < 0 {
		return raw[1 : len(raw)-1]
	}
	text, _ := jsontext.AppendUnquote(nil, raw)
	return text
}

func (m *masker) object(o *objectRule) bool {
	if !m.from.enter() {
		return false
	}
	m.out = append(m.out, '{')
	for first := true; m.from.peek() != '}'; {
		raw, ok := m.from.name()
		if !ok {
			return false
		}
		name := unquoted(raw)
		next, kept, declared := o.extra, o.unknown, ""
		if i, ok := o.find(name); ok {
			next, kept, declared = o.members[i].edge, true, o.members[i].name
		}
		if !kept || next.pii == piiDrop {
			if !m.from.skip() {
				return false
			}
			continue
		}
		if !first {
			m.out = append(m.out, ',')
		}
		first = false
		m.out = append(append(m.out, raw...), ':')
		m.name = declared
		if !m.value(next) {
			return false
		}
	}
	m.out = append(m.out, '}')
	return m.from.leave()
}

func (m *masker) array(a *arrayRule) bool {
	if !m.from.enter() {
		return false
	}
	m.out = append(m.out, '[')
	name := m.name
	for first := true; m.from.peek() != ']'; {
		if a.items.pii == piiDrop {
			if !m.from.skip() {
				return false
			}
			continue
		}
		if !first {
			m.out = append(m.out, ',')
		}
		first = false
		m.name = name
		if !m.value(a.items) {
			return false
		}
	}
	m.out = append(m.out, ']')
	return m.from.leave()
}
