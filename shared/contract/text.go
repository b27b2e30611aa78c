package contract

import (
	"fmt"
	"unicode/utf8"
)

// textRule is what a string must keep.
type textRule struct {
	min, max int // runes; max < 0: no limit
	expr     string
	pattern  *pattern // nil: any
	format   string
	matches  func([]byte) bool // of format; nil: any
	enum     map[string]struct{}
	choices  string // enum as people read it
}

// check reports each rule that text breaks.
func (t *textRule) check(text []byte, broken func(rule string)) {
	if t.enum != nil {
		if _, ok := t.enum[string(text)]; !ok {
			broken("must be one of " + t.choices)
		}
	}
	if t.min > 0 || t.max >= 0 {
		n := utf8.RuneCount(text)
		if n < t.min {
			if t.min == 1 {
				broken("must not be empty")
			} else {
				broken(fmt.Sprintf("must have at least %d characters", t.min))
			}
		}
		if t.max >= 0 && n > t.max {
			broken(fmt.Sprintf("must have at most %d characters", t.max))
		}
	}
	if t.pattern != nil && !t.pattern.match(text) {
		broken("must match " + t.expr)
	}
	if t.matches != nil && !t.matches(text) {
		broken(formatRules[t.format])
	}
}
