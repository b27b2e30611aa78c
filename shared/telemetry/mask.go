package telemetry

import (
	"regexp"
	"strings"
	"unicode/utf8"
)

const (
	shown         = 4 // characters that Mask leaves, for people to recognise a number by
	shownDocument = 3
	shortest      = 8 // what is shorter is hidden whole
)

// Mask hides a phone number or another personal value but for its last four characters:
// 3000000019 is ******0019. What has fewer than eight characters is hidden whole.
func Mask(s string) string { return mask(s, shown) }

// MaskDocument hides an identity document's number but for its last three characters.
func MaskDocument(s string) string { return mask(s, shownDocument) }

func mask(s string, keep int) string {
	characters := utf8.RuneCountInString(s)
	if characters < shortest {
		return stars(characters)
	}
	end := len(s)
	for range keep {
		_, size := utf8.DecodeLastRuneInString(s[:end])
		end -= size
	}
	return stars(characters-keep) + string([]rune(s[end:])) // what is no UTF-8 is replaced
}

const manyStars = "****************"

func stars(n int) string {
	if n <= len(manyStars) {
		return manyStars[:n]
	}
	return strings.Repeat("*", n)
}

// personal is what a system may repeat of a request in a text for people: a connection, a document, a MAC
// address.
var personal = regexp.MustCompile(`[0-9][0-9 .-]{3,}[0-9]|[0-9A-Fa-f]{2}(?:[:.-]?[0-9A-Fa-f]{2}){5}`)

// MaskText is a text of a system's as the log may have it: short, and the numbers and MAC addresses in it
// masked.
func MaskText(s string) string {
	const most = 200
	if r := []rune(s); len(r) > most {
		s = string(r[:most])
	}
	return personal.ReplaceAllStringFunc(s, Mask)
}
