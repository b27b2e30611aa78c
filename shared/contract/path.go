package contract

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// path is where a reader stands.
type path []step

// step is a member's name or, where name is nil, an item's index.
type step struct {
	name  []byte
	index int
	rank  int // its place among its siblings, in the order of the document

	proper string // how the contract spells name; empty: as name does
}

// String writes a path as order.flow or items[2].name; the whole body is body.
func (p path) String() string { return p.text(false) }

// proper is the path as the contract spells it; empty where that is how it is.
func (p path) proper() string {
	for _, s := range p {
		if s.proper != "" {
			return p.text(true)
		}
	}
	return ""
}

func (p path) text(proper bool) string {
	if len(p) == 0 {
		return "body"
	}
	var b strings.Builder
	for i, s := range p {
		if s.name == nil {
			if i == 0 {
				b.WriteString("body")
			}
			b.WriteString("[" + strconv.Itoa(s.index) + "]")
			continue
		}
		if i > 0 {
			b.WriteByte('.')
		}
		if proper && s.proper != "" {
			b.WriteString(s.proper)
		} else {
			b.WriteString(printable(s.name))
		}
	}
	return b.String()
}

// maxName bounds a caller's name in a path, in bytes.
const maxName = 64

// printable is a caller's name fit for a log line and a header: quoted if it has anything but printable
// ASCII, cut if it is long.
func printable(name []byte) string {
	cut := ""
	if len(name) > maxName {
		n := maxName
		for n > 0 && !utf8.RuneStart(name[n]) {
			n--
		}
		name, cut = name[:n], "…"
	}
	for _, b := range name {
		if b <= ' ' || b > unicode.MaxASCII-1 || b == '"' {
			return strconv.QuoteToASCII(string(name)) + cut
		}
	}
	if len(name) == 0 {
		return `""`
	}
	return string(name) + cut
}
