package contract

import (
	"encoding/binary"
	"io"
	"math/bits"
	"unicode/utf8"

	"github.com/go-json-experiment/json/jsontext"
)

// source is a JSON text as a masker walks it.
type source interface {
	peek() jsontext.Kind   // of the value that comes next, or the bracket that ends this one
	enter() bool           // an object or array; false: too deep
	leave() bool           // it
	name() ([]byte, bool)  // of the next member, as written
	value() ([]byte, bool) // the next one, no object or array
	skip() bool            // the next one, whatever it is
	end() bool             // nothing follows
}

// decoded is any text, as jsontext reads it.
type decoded struct{ jsontext.Decoder }

func (d *decoded) peek() jsontext.Kind { return d.PeekKind() }

func (d *decoded) enter() bool {
	if d.StackDepth() >= maxMasked {
		return false
	}
	return d.leave()
}

func (d *decoded) leave() bool {
	_, err := d.ReadToken()
	return err == nil
}

func (d *decoded) name() ([]byte, bool) { return d.value() }

func (d *decoded) value() ([]byte, bool) {
	raw, err := d.ReadValue()
	return raw, err == nil
}

func (d *decoded) skip() bool { return d.SkipValue() == nil }

func (d *decoded) end() bool {
	_, err := d.ReadToken()
	return err == io.EOF
}

// scanner reads the texts that nearly all bodies are, at a third of the cost. A text that it reads to
// its end is valid, and jsontext would have read the same in it. Of any other, such as one with an
// escaped name, a \u escape or a fault, it says no more than that it is not sure: nothing is decided
// here that jsontext decides.
type scanner struct {
	text  []byte
	at    int
	depth int
	comma bool // is due before the next value
}

// maxMasked is how deep Mask follows a body.
var maxMasked = Limits{}.orDefaults().Depth

// space goes to the next byte that is no space, 0 at the end.
func (s *scanner) space() byte {
	for ; s.at < len(s.text); s.at++ {
		switch c := s.text[s.at]; c {
		case ' ', '\t', '\n', '\r':
		default:
			return c
		}
	}
	return 0
}

// unsure makes all that follows fail.
func (s *scanner) unsure() bool {
	s.text, s.at = nil, 0
	return false
}

func (s *scanner) peek() jsontext.Kind {
	c := s.space()
	if s.comma && c != '}' && c != ']' {
		if c != ',' {
			s.unsure()
			return 0
		}
		s.at++
		s.comma = false
		if c = s.space(); c == '}' || c == ']' {
			s.unsure()
			return 0
		}
	}
	if c == '-' || '0' <= c && c <= '9' {
		return '0'
	}
	return jsontext.Kind(c)
}

func (s *scanner) enter() bool {
	if s.depth == maxMasked {
		return s.unsure()
	}
	s.depth++
	s.at++
	s.comma = false
	return true
}

func (s *scanner) leave() bool {
	s.depth--
	s.at++
	s.comma = true
	return true
}

func (s *scanner) end() bool { return s.text != nil && s.space() == 0 && s.at == len(s.text) }

func (s *scanner) name() ([]byte, bool) {
	from := s.at
	plain, ok := s.string()
	name := s.text[from:min(s.at, len(s.text))]
	if !ok || !plain || s.space() != ':' {
		return nil, s.unsure()
	}
	s.at++
	s.comma = false
	return name, true
}

func (s *scanner) value() ([]byte, bool) {
	kind := s.peek()
	from, ok := s.at, false
	switch kind {
	case '"':
		_, ok = s.string()
	case '0':
		ok = s.number()
	case 't':
		ok = s.literal("true")
	case 'f':
		ok = s.literal("false")
	case 'n':
		ok = s.literal("null")
	}
	if !ok {
		return nil, s.unsure()
	}
	s.comma = true
	return s.text[from:s.at], true
}

func (s *scanner) skip() bool {
	open := s.peek()
	if open != '{' && open != '[' {
		_, ok := s.value()
		return ok
	}
	if !s.enter() {
		return false
	}
	for s.peek() != open+2 { // the bracket that ends it
		if open == '{' {
			if _, ok := s.name(); !ok {
				return false
			}
		}
		if !s.skip() {
			return false
		}
	}
	return s.leave()
}

func (s *scanner) literal(word string) bool {
	if len(s.text)-s.at < len(word) || string(s.text[s.at:s.at+len(word)]) != word {
		return false
	}
	s.at += len(word)
	return true
}

func (s *scanner) number() bool {
	s.one('-', '-')
	if !s.one('0', '0') && !s.digits() {
		return false
	}
	if s.one('.', '.') && !s.digits() {
		return false
	}
	if s.one('e', 'E') {
		s.one('+', '-')
		return s.digits()
	}
	return true
}

// one goes over a byte that is a or b.
func (s *scanner) one(a, b byte) bool {
	if s.at < len(s.text) && (s.text[s.at] == a || s.text[s.at] == b) {
		s.at++
		return true
	}
	return false
}

func (s *scanner) digits() bool {
	from := s.at
	for s.at < len(s.text) && '0' <= s.text[s.at] && s.text[s.at] <= '9' {
		s.at++
	}
	return s.at > from
}

// string goes over a string; plain: nothing in it is escaped.
func (s *scanner) string() (plain, ok bool) {
	if s.at == len(s.text) || s.text[s.at] != '"' {
		return false, false
	}
	from, ascii := s.at+1, true
	plain = true
	for s.at++; ; s.at++ {
		s.at += ordinary(s.text[s.at:])
		if s.at == len(s.text) {
			return false, false
		}
		switch c := s.text[s.at]; {
		case c == '"':
			ok = ascii || utf8.Valid(s.text[from:s.at])
			s.at++
			return plain, ok
		case c == '\\':
			plain = false
			if s.at++; s.at == len(s.text) || !simpleEscape(s.text[s.at]) {
				return false, false
			}
		case c >= utf8.RuneSelf:
			ascii = false
		case c < ' ':
			return false, false
		}
	}
}

func simpleEscape(c byte) bool {
	switch c {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return true
	}
	return false
}

// ordinary is how many bytes, eight at a time, b begins with that mean themselves in a string: no
// quotation mark, backslash, control character or part of a longer character.
func ordinary(b []byte) int {
	const ones, tops = 0x0101010101010101, 0x8080808080808080
	n := 0
	for ; n+8 <= len(b); n += 8 {
		w := binary.LittleEndian.Uint64(b[n:])
		quote, escape := w^'"'*ones, w^'\\'*ones
		// The top bit of a byte is set where the byte is one of those; a carry sets it wrongly only
		// behind one where that is right.
		if found := (w | (quote-ones)&^quote | (escape-ones)&^escape | (w-' '*ones)&^w) & tops; found != 0 {
			return n + bits.TrailingZeros64(found)/8
		}
	}
	return n
}
