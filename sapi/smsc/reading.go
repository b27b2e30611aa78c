package smsc

import (
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/htmlindex"
	"golang.org/x/text/encoding/unicode/utf32"

	"puente/contracts/sapi/smsc"
)

// stat is where a receipt says what became of a message (SMPP 3.4, appendix B). Kannel passes it on as the
// SMS center wrote it.
var stat = regexp.MustCompile(`(?i)\bstat:\s*([A-Z]+)`)

// stats are the final message states of SMPP that are not delivered.
var stats = map[string]smsc.State{
	"EXPIRED": smsc.StateExpired, "REJECTD": smsc.StateRejected, "REJECTED": smsc.StateRejected,
	"UNDELIV": smsc.StateUndelivered, "DELETED": smsc.StateUndelivered,
}

// reported is the state that a report tells of, by the bits of its status; for one that was not delivered the
// SMS center's own words may say more. Empty: it tells nothing, as that the SMS center does not know.
func reported(status, answer string) smsc.State {
	bits, err := strconv.Atoi(strings.TrimSpace(status))
	if err != nil || bits <= 0 {
		return ""
	}
	switch {
	case bits&delivered != 0:
		return smsc.StateDelivered
	case bits&undelivered != 0:
		if told := stat.FindStringSubmatch(answer); told != nil {
			if state, ok := stats[strings.ToUpper(told[1])]; ok {
				return state
			}
		}
		switch {
		case bits&expired != 0:
			return smsc.StateExpired
		case bits&lost != 0:
			return ""
		}
		return smsc.StateUndelivered
	case bits&refused != 0:
		return smsc.StateRejected
	case bits&(buffered|forwarded) != 0:
		return smsc.StateAccepted
	}
	return ""
}

// decode makes a text of the bytes of a message. Whatever they are they become one: an answer that refuses
// them would have the gateway call again for ever, and the message would be lost.
func decode(text, charset, coding string) string {
	return printable(charsetOf(text, charset, coding), text)
}

// charsetOf is what text is written in: what the gateway says, else what its coding means, else what fits.
func charsetOf(text, charset, coding string) encoding.Encoding {
	name := strings.ToLower(strings.TrimSpace(charset))
	switch {
	case strings.HasPrefix(name, "utf-32"), strings.HasPrefix(name, "ucs-4"):
		return utf32.UTF32(utf32.BigEndian, utf32.UseBOM)
	case name == "ucs-2", name == "utf-16", name == "iso-10646-ucs-2", name == "" && coding == "2":
		name = "utf-16be"
	}
	if known, err := htmlindex.Get(name); err == nil {
		if n, _ := htmlindex.Name(known); n != "utf-8" && n != "replacement" {
			return known
		}
	}
	if utf8.ValidString(text) {
		return encoding.Nop
	}
	if name == "utf-8" {
		return encoding.Nop // damaged: what is whole of it can be read
	}
	return charmap.Windows1252
}

// printable is text decoded, without control characters but line feeds, and with marks where it is damaged.
func printable(from encoding.Encoding, text string) string {
	decoded, err := from.NewDecoder().String(text)
	if err != nil {
		decoded = text
	}
	return clean(decoded)
}

func clean(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\n' {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "\uFFFD"))
}

// plain is a value that is no text of a person.
func plain(s string) string { return strings.TrimSpace(clean(s)) }

// number is a phone number without what may stand before its digits, and anything else as it is.
func number(s string) string {
	s = plain(s)
	for _, prefix := range []string{"+", "00"} {
		if rest, ok := strings.CutPrefix(s, prefix); ok && international.MatchString(rest) {
			return rest
		}
	}
	return s
}
