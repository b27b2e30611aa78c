package web

import (
	"fmt"
	"math"
	"strconv"

	"puente/contracts/papi/subscription"
)

// rgb is a colour of sRGB, 0 to 255 each.
type rgb [3]float64

// The contrasts that WCAG 2.2 wants: of text (§1.4.3), and of a control's outline (§1.4.11).
const (
	readable = 4.5
	visible  = 3
)

// A campaign chooses four colours, and is held to two contrasts: text on background, and onAccent on accent.
// All else is derived, so that the rest stands out from what it stands on, too.
func derived(colours map[string]string) [][2]string {
	accent, onAccent := parse(colours[subscription.ColourAccent]), parse(colours[subscription.ColourOnAccent])
	background, text := parse(colours[subscription.ColourBackground]), parse(colours[subscription.ColourText])
	ground := func(c rgb) rgb { // a shade of the background on which text can still be read
		if contrast(text, c) < readable {
			return background
		}
		return c
	}
	canvas, tint := ground(background.mix(text, .04)), ground(background.mix(accent, .07))
	all := []rgb{background, canvas, tint}
	scheme := "light"
	if contrast(background, rgb{255, 255, 255}) > contrast(background, rgb{}) {
		scheme = "dark"
	}
	return [][2]string{
		{"color-scheme", scheme},
		{"--accent", accent.String()},
		{"--on-accent", onAccent.String()},
		{"--background", background.String()},
		{"--text", text.String()},
		{"--canvas", canvas.String()},
		{"--tint", tint.String()},
		{"--line", background.mix(text, .14).String()},
		{"--edge", faintest(background, text, all, visible).String()},
		{"--muted", faintest(background, text, all, readable+.6).String()},
		{"--strong", first(all, text, accent).String()},
		{"--bad", first(all, text, rgb{0xb3, 0x26, 0x1e}, rgb{0xff, 0xb4, 0xab}).String()},
		{"--good", first(all, text, rgb{0x14, 0x6c, 0x2e}, rgb{0x7d, 0xd9, 0x9a}).String()},
	}
}

// faintest is the least of text, mixed into the background, that stands out from all grounds.
func faintest(background, text rgb, grounds []rgb, least float64) rgb {
	for share := .3; share < 1; share += .02 {
		if c := background.mix(text, share); standsOut(c, grounds, least) {
			return c
		}
	}
	return text
}

// first is the first of the colours that can be read on all grounds.
func first(grounds []rgb, otherwise rgb, colours ...rgb) rgb {
	for _, c := range colours {
		if standsOut(c, grounds, readable) {
			return c
		}
	}
	return otherwise
}

func standsOut(c rgb, grounds []rgb, least float64) bool {
	for _, ground := range grounds {
		if contrast(c, ground) < least {
			return false
		}
	}
	return true
}

// parse reads #rrggbb, which filled has made sure of.
func parse(colour string) rgb {
	n, _ := strconv.ParseUint(colour[1:], 16, 32)
	return rgb{float64(n >> 16), float64(n >> 8 & 255), float64(n & 255)}
}

func (c rgb) String() string {
	return fmt.Sprintf("#%02x%02x%02x", int(c[0]), int(c[1]), int(c[2]))
}

// mix is c with a share of another, in whole steps.
func (c rgb) mix(other rgb, share float64) rgb {
	for i := range c {
		c[i] = math.Round(c[i] + (other[i]-c[i])*share)
	}
	return c
}

// luminance is WCAG's relative luminance.
func (c rgb) luminance() float64 {
	linear := func(v float64) float64 {
		if v /= 255; v <= .04045 {
			return v / 12.92
		}
		return math.Pow((v+.055)/1.055, 2.4)
	}
	return .2126*linear(c[0]) + .7152*linear(c[1]) + .0722*linear(c[2])
}

// contrast is WCAG's contrast ratio, 1 to 21.
func contrast(a, b rgb) float64 {
	light, dark := a.luminance(), b.luminance()
	if light < dark {
		light, dark = dark, light
	}
	return (light + .05) / (dark + .05)
}
