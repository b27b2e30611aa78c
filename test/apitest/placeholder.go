package apitest

import (
	"fmt"
	"maps"
	"regexp"
	"strconv"
	"strings"
)

// placeholders are the values that a conversation has met, by name:
//
//	{{any}}            any text, expected
//	{{name}}           the text that this name stands for; where it stands for none yet, any text, which
//	                   it stands for from then on
//	{{name:pattern}}   the same, and it matches the regular expression
//	{{c*n}}            in what is sent: n times the character c
//
// A text that a placeholder stands for is not empty and has no quote and no line feed.
type placeholders map[string]string

// piece is a literal, or a placeholder.
type piece struct {
	literal string
	inner   string // between the braces; empty: a literal
}

func pieces(template string) []piece {
	var all []piece
	for {
		before, after, ok := strings.Cut(template, "{{")
		if before != "" {
			all = append(all, piece{literal: before})
		}
		if !ok {
			return all
		}
		end := closing(after)
		if end < 0 {
			return append(all, piece{literal: "{{" + after})
		}
		all = append(all, piece{inner: after[:end]})
		template = after[end+2:]
	}
}

// closing is where the braces close that opened before text; a pattern may have braces, too. It is -1
// where they do not.
func closing(text string) int {
	open := 0
	for i := range len(text) {
		switch {
		case text[i] == '{':
			open++
		case text[i] == '}' && open > 0:
			open--
		case strings.HasPrefix(text[i:], "}}"):
			return i
		}
	}
	return -1
}

// fill is template as it is sent.
func (p placeholders) fill(template string) (string, error) {
	var b strings.Builder
	for _, piece := range pieces(template) {
		if piece.inner == "" {
			b.WriteString(piece.literal)
			continue
		}
		if unit, times, ok := strings.Cut(piece.inner, "*"); ok {
			n, err := strconv.Atoi(times)
			if err != nil {
				return "", fmt.Errorf("{{%s}}: no number", piece.inner)
			}
			b.WriteString(strings.Repeat(unit, n))
			continue
		}
		value, ok := p[piece.inner]
		if !ok {
			return "", fmt.Errorf("{{%s}} stands for nothing yet", piece.inner)
		}
		b.WriteString(value)
	}
	return b.String(), nil
}

// match compares text with template, and remembers what its names stand for if they are the same.
func (p placeholders) match(template, text string) error {
	var pattern strings.Builder
	var names []string // of the groups, in order
	pattern.WriteString(`(?s)\A`)
	for _, piece := range pieces(template) {
		if piece.inner == "" {
			pattern.WriteString(regexp.QuoteMeta(piece.literal))
			continue
		}
		name, rule, ok := strings.Cut(piece.inner, ":")
		if value, known := p[name]; known && name != "any" {
			pattern.WriteString(regexp.QuoteMeta(value))
			continue
		}
		if !ok {
			rule = `[^"\n]+`
		}
		pattern.WriteString("(" + rule + ")")
		names = append(names, name)
	}
	pattern.WriteString(`\z`)
	exp, err := regexp.Compile(pattern.String())
	if err != nil {
		return fmt.Errorf("placeholder: %w", err)
	}
	if exp.NumSubexp() != len(names) {
		return fmt.Errorf("placeholder: a pattern must not have groups")
	}
	found := exp.FindStringSubmatch(text)
	if found == nil {
		return errDiffers
	}
	met := maps.Clone(p)
	for i, name := range names {
		if value, known := met[name]; known && value != found[i+1] {
			return fmt.Errorf("{{%s}} stands for %q and for %q", name, value, found[i+1])
		}
		if name != "any" {
			met[name] = found[i+1]
		}
	}
	maps.Copy(p, met)
	return nil
}
