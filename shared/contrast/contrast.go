// Package contrast says how well colours can be told apart, as the Web Content Accessibility Guidelines 2.2 do.
package contrast

import (
	"math"
	"strconv"
)

// The least contrasts that are wanted at level AA.
const (
	Text    = 4.5 // §1.4.3: of text, for everybody to read it
	Control = 3   // §1.4.11: of what shows a control
)

// RGB is a colour of sRGB, 0 to 255 each.
type RGB [3]float64

// Parse reads #rrggbb, which its caller has made sure of.
func Parse(colour string) RGB {
	n, _ := strconv.ParseUint(colour[1:], 16, 32)
	return RGB{float64(n >> 16), float64(n >> 8 & 255), float64(n & 255)}
}

// Ratio is the contrast ratio of two colours, in whichever order: 1 to 21.
func Ratio(a, b RGB) float64 {
	one, other := a.luminance(), b.luminance()
	return (max(one, other) + .05) / (min(one, other) + .05)
}

// luminance is the relative luminance, 0 to 1.
func (c RGB) luminance() float64 {
	linear := func(v float64) float64 {
		if v /= 255; v <= .04045 {
			return v / 12.92
		}
		return math.Pow((v+.055)/1.055, 2.4)
	}
	return .2126*linear(c[0]) + .7152*linear(c[1]) + .0722*linear(c[2])
}
