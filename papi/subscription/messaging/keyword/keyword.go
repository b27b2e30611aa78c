// Package keyword reads what customers write to a short code: whether they want an end to a subscription, and to
// which (partner hub specification §10, F3 steps 2 and 3).
//
// A message asks for an end if its first or its last word is one of the short code's opt-out words. It ends the
// subscriptions of the products that it names; if it names none, or says the short code's word for all, it ends
// all that the customer has on the short code. Nothing else is understood here. Where a message can be read two ways it is read as a wish
// to end: one who goes on paying after he has asked not to has the greater harm.
package keyword

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// OptOut are the words for a short code that configures none.
var OptOut = []string{"SALIR", "BAJA", "STOP", "CANCELAR", "FIN", "ALTO"}

// All is the word for all subscriptions, for a short code that configures none.
const All = "TODO"

// Intent is what a message asks for.
type Intent string

// The intents.
const (
	Cancel    Intent = "CANCEL"     // an end to the subscriptions of Keywords
	CancelAll Intent = "CANCEL_ALL" // an end to all on the short code
	Unknown   Intent = "UNKNOWN"    // none of our words
)

// Result is a message that was read.
type Result struct {
	Intent   Intent
	Keywords []string // of Cancel: the products' keywords, as they were given, in the order of the message
	All      bool     // of CancelAll: the word for all was said
	Said     string   // of CancelAll: words that named no product, normalised; where policy is to ask, reason to
}

// Normalise brings a text into the form in which words are compared: upper-case, without accents, its words of
// letters and digits only, one space between them. What is neither parts words: SALIR,JUEGOS is two.
func Normalise(text string) string { return strings.Join(words(text), " ") }

func words(text string) []string {
	// NFKD parts a letter from its accent, and makes letters of their typographic forms.
	folded := norm.NFKD.String(strings.ToUpper(norm.NFKD.String(strings.ToValidUTF8(text, " "))))
	return strings.Fields(strings.Map(func(r rune) rune {
		switch {
		case unicode.In(r, unicode.M, unicode.Cf): // accents, and what is not seen
			return -1
		case unicode.IsLetter(r), unicode.IsDigit(r):
			return r
		}
		return ' '
	}, folded))
}

// Parse reads a message, given the short code's opt-out words, its word for all, and the keywords of its products.
func Parse(text string, optOut []string, all string, keywords []string) Result {
	said := words(text)
	said, asked := withoutOptOut(said, optOut)
	if !asked {
		return Result{Intent: Unknown}
	}
	named, rest := find(said, keywords)
	everything := Normalise(all)
	saidAll := slices.Contains(rest, everything)
	if len(named) > 0 && !saidAll {
		return Result{Intent: Cancel, Keywords: named}
	}
	rest = slices.DeleteFunc(rest, func(w string) bool { return w == everything })
	return Result{Intent: CancelAll, All: saidAll, Said: strings.Join(rest, " ")}
}

// withoutOptOut takes the opt-out words off both ends; BAJA STOP says the same twice.
func withoutOptOut(said, optOut []string) (rest []string, asked bool) {
	is := func(word string) bool {
		return slices.ContainsFunc(optOut, func(o string) bool { return Normalise(o) == word })
	}
	for len(said) > 0 && is(said[0]) {
		said, asked = said[1:], true
	}
	for len(said) > 0 && is(said[len(said)-1]) {
		said, asked = said[:len(said)-1], true
	}
	return said, asked
}

// find is which keywords are said, each once, and what is said beside them. Of keywords that begin alike the
// longest counts: JUEGOS PRO is not JUEGOS.
func find(said, keywords []string) (named, rest []string) {
	for len(said) > 0 {
		found, length := "", 0
		for _, k := range keywords {
			if w := words(k); len(w) > length && len(w) <= len(said) && slices.Equal(w, said[:len(w)]) {
				found, length = k, len(w)
			}
		}
		if length == 0 {
			rest, said = append(rest, said[0]), said[1:]
			continue
		}
		if !slices.Contains(named, found) {
			named = append(named, found)
		}
		said = said[length:]
	}
	return named, rest
}

// Check refuses words by which Parse could not tell what is meant: it is for the configuration of a short code.
func Check(optOut []string, all string, keywords []string) error {
	var errs []error
	everything := Normalise(all)
	if len(words(all)) != 1 {
		errs = append(errs, errors.New("all: must be one word of letters and digits"))
	}
	if len(optOut) == 0 {
		errs = append(errs, errors.New("optOut: must have a word"))
	}
	stops := make(map[string]bool)
	for i, o := range optOut {
		w := words(o)
		if len(w) != 1 || w[0] == everything {
			errs = append(errs, fmt.Errorf("optOut[%d]: must be one word of letters and digits, and not %s", i, everything))
			continue
		}
		stops[w[0]] = true
	}
	seen := make(map[string]bool)
	for i, k := range keywords {
		w := words(k)
		if len(w) == 0 {
			errs = append(errs, fmt.Errorf("keywords[%d]: must have a letter or digit", i))
			continue
		}
		if slices.Contains(w, everything) || stops[w[0]] || stops[w[len(w)-1]] {
			errs = append(errs, fmt.Errorf("keywords[%d]: must not begin or end with an opt-out word, nor hold %s", i, everything))
		}
		if joined := strings.Join(w, " "); seen[joined] {
			errs = append(errs, fmt.Errorf("keywords[%d]: must differ from the others in more than case, accents and punctuation", i))
		} else {
			seen[joined] = true
		}
	}
	return errors.Join(errs...)
}
