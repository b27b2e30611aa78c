// Package sms says how a text goes out as short messages: in which alphabet, written how, and in how many
// segments, which is what the operator counts (3GPP TS 23.038 §6.2 for the
// alphabet, TS 23.040 §9.2.3.24 for the segments).
//
// The alphabet of every telephone has ñ, ¿, ¡, é and ü but not á, í, ó, ú. One such letter makes a message of
// 160 characters two or three of 70. So a text is written without it, unless its template allows UCS-2.
package sms

import (
	"strings"

	"golang.org/x/text/unicode/norm"
)

// Encoding is the alphabet that a message goes out in.
type Encoding string

// The encodings.
const (
	GSM7 Encoding = "GSM-7" // the default alphabet of 7 bits, with its extension table
	UCS2 Encoding = "UCS-2" // 16 bits a unit; what lies beyond them as surrogate pairs
)

// How much goes into a message that is alone, and into each of several, which lose six bytes to the header
// that joins them: septets in GSM-7, units in UCS-2.
const (
	singleGSM7, partGSM7 = 160, 153
	singleUCS2, partUCS2 = 70, 67
)

// Message is a text as it goes out.
type Message struct {
	Encoding Encoding
	Text     string // what the customer reads
	Segments int    // at least 1: an empty message is sent too
}

// Encode fits a text for sending. What GSM-7 holds goes out in it unchanged; anything else goes out in UCS-2
// where that is allowed, and is transliterated otherwise.
func Encode(text string, allowUCS2 bool) Message {
	text = printable(text)
	if !Encodable(text) {
		if allowUCS2 {
			return Message{Encoding: UCS2, Text: text, Segments: len(split(text, units, singleUCS2, partUCS2))}
		}
		text = Transliterate(text)
	}
	return Message{Encoding: GSM7, Text: text, Segments: len(split(text, septets, singleGSM7, partGSM7))}
}

// printable is a text in composed form (ñ may have come as n and a tilde) and without controls, of which a
// telephone prints none but the ends of lines.
func printable(text string) string {
	text = strings.ReplaceAll(norm.NFC.String(strings.ToValidUTF8(text, "?")), "\r\n", "\n")
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\t':
			return ' '
		case r < ' ' && r != '\n' && r != '\r', 0x7f <= r && r < 0xa0:
			return -1
		}
		return r
	}, text)
}

// split cuts a text into segments. A character is whole in one of them: neither the escape before a character
// of the extension table nor half a surrogate pair ends a segment.
func split(text string, size func(rune) int, single, part int) []string {
	total := 0
	for _, r := range text {
		total += size(r)
	}
	if total <= single {
		return []string{text}
	}
	var parts []string
	begin, filled := 0, 0
	for i, r := range text {
		if filled+size(r) > part {
			parts = append(parts, text[begin:i])
			begin, filled = i, 0
		}
		filled += size(r)
	}
	return append(parts, text[begin:])
}

// units are what a character takes in UCS-2.
func units(r rune) int {
	if r > 0xffff {
		return 2
	}
	return 1
}
