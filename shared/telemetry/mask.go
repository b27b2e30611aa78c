package telemetry

import "strings"

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
	characters := []rune(s)
	if len(characters) < shortest {
		return strings.Repeat("*", len(characters))
	}
	return strings.Repeat("*", len(characters)-keep) + string(characters[len(characters)-keep:])
}
