package web

import (
	"fmt"
	"math"

	"puente/contracts/papi/subscription"
	"puente/shared/contrast"
)

// rgb is a colour that can be mixed and written.
type rgb contrast.RGB

// A campaign chooses four colours, and is held to two contrasts: text on background, and onAccent on accent.
// All else is derived, so that the rest stands out from what it stands on, too.
func derived(colours map[string]string) [][2]string {
	accent, onAccent := parse(colours[subscription.ColourAccent]), parse(colours[subscription.ColourOnAccent])
	background, text := parse(colours[subscription.ColourBackground]), parse(colours[subscription.ColourText])
	ground := func(c rgb) rgb { // a shade of the background on which text can still be read
		if ratio(text, c) < contrast.Text {
			return background
		}
		return c
	}
	canvas, tint := ground(background.mix(text, .04)), ground(background.mix(accent, .07))
	all := []rgb{background, canvas, tint}
	scheme := "light"
	if ratio(background, rgb{255, 255, 255}) > ratio(background, rgb{}) {
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
		{"--edge", faintest(background, text, all, contrast.Control).String()},
		{"--muted", faintest(background, text, all, contrast.Text+.6).String()},
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
		if standsOut(c, grounds, contrast.Text) {
			return c
		}
	}
	return otherwise
}

func standsOut(c rgb, grounds []rgb, least float64) bool {
	for _, ground := range grounds {
		if ratio(c, ground) < least {
			return false
		}
	}
	return true
}

// parse reads #rrggbb, which filled has made sure of.
func parse(colour string) rgb { return rgb(contrast.Parse(colour)) }

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

// ratio is the contrast of two colours, 1 to 21.
func ratio(a, b rgb) float64 { return contrast.Ratio(contrast.RGB(a), contrast.RGB(b)) }
