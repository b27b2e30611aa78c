package tvplatforms

import (
	"strings"

	"puente/contracts/sapi/tvplatforms"
)

// spelling is how a platform wants what it is to add. A caller takes MAC addresses from elsewhere, in
// whatever notation they are there; other items are codes, and stay.
func spelling(p tvplatforms.Platform, group int, separator string) func(item string) string {
	if p != tvplatforms.PlatformDevices {
		return func(item string) string { return item }
	}
	return func(item string) string {
		digits, ok := hexDigits(item)
		if !ok {
			return item // for the platform to refuse
		}
		var b strings.Builder
		for at := 0; at < len(digits); at += group {
			if at > 0 {
				b.WriteString(separator)
			}
			b.WriteString(digits[at : at+group])
		}
		return b.String()
	}
}

var separators = strings.NewReplacer(":", "", "-", "", ".", "")

// hexDigits are the twelve of a MAC address, without separators and in upper case.
func hexDigits(item string) (digits string, ok bool) {
	digits = strings.ToUpper(separators.Replace(item))
	other := strings.ContainsFunc(digits, func(r rune) bool { return (r < '0' || r > '9') && (r < 'A' || r > 'F') })
	return digits, len(digits) == 12 && !other
}
