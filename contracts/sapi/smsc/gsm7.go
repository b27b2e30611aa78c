package smsc

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// gsm7 are the characters of the default alphabet and of its extension (3GPP TS 23.038 §6.2.1).
const gsm7 = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà" +
	"\f^{}\\[~]|€"

// InGSM7 reports whether every character of text is of the GSM 7-bit alphabet.
func InGSM7(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return !strings.ContainsRune(gsm7, r) })
}

// alike are characters that have a plain relative and no decomposition that leads to it.
var alike = map[rune]string{
	'“': `"`, '”': `"`, '„': `"`, '«': `"`, '»': `"`, '‘': "'", '’': "'", '–': "-", '—': "-", '…': "...", '\u00a0': " ", '\t': " ", 'º': "o", 'ª': "a",
}

// Transliterate makes a text of the GSM 7-bit alphabet: what it lacks loses its accent (á í ó ú, which
// Spanish needs and it does not have), becomes what looks like it, or a question mark.
func Transliterate(text string) string {
	var b strings.Builder
	for _, r := range norm.NFC.String(text) {
		if strings.ContainsRune(gsm7, r) {
			b.WriteRune(r)
			continue
		}
		if plain, ok := alike[r]; ok {
			b.WriteString(plain)
			continue
		}
		base, _ := utf8.DecodeRuneInString(norm.NFD.String(string(r)))
		switch {
		case unicode.Is(unicode.Mn, r): // an accent that belongs to nothing
		case strings.ContainsRune(gsm7, base):
			b.WriteRune(base)
		default:
			b.WriteByte('?')
		}
	}
	return b.String()
}
