package sms

import "strings"

// alphabet is the default alphabet (3GPP TS 23.038 §6.2.1), in its order, without the escape at 0x1B. It has Ç
// and no ç, à and no À.
const alphabet = "@£$¥èéùìòÇ\nØø\rÅå" +
	"Δ_ΦΓΛΩΠΨΣΘΞ" + "ÆæßÉ" +
	" !\"#¤%&'()*+,-./0123456789:;<=>?" +
	"¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§" +
	"¿abcdefghijklmnopqrstuvwxyzäöñüà"

// extension is the table behind the escape (§6.2.1.1): each of these takes two septets. Its form feed is no
// character that a text has, see printable.
const extension = "^{}\\[~]|€"

var sizes = func() map[rune]int {
	m := make(map[rune]int)
	for _, r := range alphabet {
		m[r] = 1
	}
	for _, r := range extension {
		m[r] = 2
	}
	return m
}()

// septets are what a character takes in GSM-7; 0: it has none.
func septets(r rune) int { return sizes[r] }

// Encodable reports whether GSM-7 holds the text as it is.
func Encodable(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return septets(r) == 0 })
}
