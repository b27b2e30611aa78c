package sms

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// replacements are for what compatibility decomposition does not make legible, or not as one would write it.
var replacements = map[rune]string{
	'‘': "'", '’': "'", '‚': "'", '‛': "'", '′': "'", '´': "'", '`': "'", '‹': "'", '›': "'",
	'“': `"`, '”': `"`, '„': `"`, '‟': `"`, '″': `"`, '«': `"`, '»': `"`, '¨': `"`,
	'‐': "-", '‑': "-", '‒': "-", '–': "-", '—': "-", '―': "-", '−': "-",
	'•': "*", '·': ".", '×': "x", '÷': "/", '⁄': "/", '≤': "<=", '≥': ">=", '±': "+/-", '→': "->", '←': "<-",
	'©': "(c)", '®': "(r)", '°': "o", '¢': "c", '₡': "CRC", '₲': "PYG", '₱': "$",
	'ç': "c", 'Œ': "OE", 'œ': "oe", 'Ð': "D", 'ð': "d", 'Þ': "Th", 'þ': "th", 'Đ': "D", 'đ': "d",
	'Ł': "L", 'ł': "l", 'Ħ': "H", 'ħ': "h", 'ı': "i", 'ẞ': "SS", 'Ŧ': "T", 'ŧ': "t",
	'\u2028': "\n", '\u2029': "\n",
}

// unknown stands for what cannot be written: it shows that something is missing.
const unknown = "?"

// Transliterate writes a text in the letters of GSM-7, one character after another, in this order: what the
// alphabet has stays; a table says how typographic signs and some letters are written; what is a letter with
// marks, or another form of something, becomes what it decomposes into (Unicode NFKD) without the marks; what
// only joins or modifies what stands before it goes; the rest is a question mark.
func Transliterate(text string) string {
	text = printable(text)
	if Encodable(text) {
		return text
	}
	var out strings.Builder
	for _, r := range text {
		out.WriteString(written(r))
	}
	return out.String()
}

func written(r rune) string {
	if s, ok := direct(r); ok {
		return s
	}
	if invisible(r) {
		return ""
	}
	var out strings.Builder
	for _, part := range norm.NFKD.String(string(r)) {
		if invisible(part) {
			continue
		}
		s, ok := direct(part)
		if !ok {
			return unknown // half a character misleads
		}
		out.WriteString(s)
	}
	return out.String()
}

func direct(r rune) (string, bool) {
	if septets(r) > 0 {
		return string(r), true
	}
	if s, ok := replacements[r]; ok {
		return s, true
	}
	if unicode.Is(unicode.Zs, r) {
		return " ", true
	}
	return "", false
}

// invisible are marks, joiners, direction signs and the skin tones of emoji.
func invisible(r rune) bool {
	return unicode.In(r, unicode.M, unicode.Cf) || 0x1f3fb <= r && r <= 0x1f3ff
}
