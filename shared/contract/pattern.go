package contract

import (
	"fmt"
	"regexp"
	"regexp/syntax"
	"slices"
	"strconv"
	"unicode/utf8"
)

// pattern matches a regular expression somewhere in a text, as kin-openapi does. ASCII text goes
// through a deterministic automaton, about one nanosecond a byte; all else, and expressions whose
// automaton would be large or that look at word and line boundaries, through package regexp.
type pattern struct {
	re        *regexp.Regexp
	automaton *automaton // nil: always re
}

// codepoint is the one escape of ECMA 262 that kin-openapi rewrites into Go's syntax.
var codepoint = regexp.MustCompile(`\\u([0-9A-F]{4})`)

func compilePattern(expr string) (*pattern, error) {
	expr = codepoint.ReplaceAllString(expr, `\x{$1}`)
	re, err := regexp.Compile(expr)
	if err != nil {
		return nil, fmt.Errorf("pattern is not a regular expression of Go: %w", err)
	}
	return &pattern{re: re, automaton: newAutomaton(expr)}, nil
}

func (p *pattern) match(text []byte) bool {
	if p.automaton != nil {
		if matched, decided := p.automaton.match(text); decided {
			return matched
		}
	}
	return p.re.Match(text)
}

// automaton decides whether an expression matches an ASCII text. State 0 is the start; a byte's class
// leads from state to state.
type automaton struct {
	class   [utf8.RuneSelf]uint8
	classes int
	next    []uint16 // by state*classes + class
	matched []bool   // in this state the text matches whatever follows
	atEnd   []bool   // in this state the text matches if it ends here
}

// match is false, false where a byte is not ASCII.
func (a *automaton) match(text []byte) (matched, decided bool) {
	state := 0
	for _, b := range text {
		if b >= utf8.RuneSelf {
			return false, false
		}
		state = int(a.next[state*a.classes+int(a.class[b])])
	}
	return a.matched[state] || a.atEnd[state], true
}

// maxStates bounds an automaton: 2,000 states take at most 512 KiB.
const maxStates = 2_000

// newAutomaton builds the automaton of an expression by the subset construction; nil if it would have
// too many states or the expression asserts more than the ends of the text.
func newAutomaton(expr string) *automaton {
	parsed, err := syntax.Parse(expr, syntax.Perl)
	if err != nil {
		return nil
	}
	prog, err := syntax.Compile(parsed.Simplify())
	if err != nil {
		return nil
	}
	for i := range prog.Inst {
		inst := &prog.Inst[i]
		if inst.Op == syntax.InstEmptyWidth && syntax.EmptyOp(inst.Arg)&^(syntax.EmptyBeginText|syntax.EmptyEndText) != 0 {
			return nil
		}
	}
	b := subsets{prog: prog, states: map[string]int{}}
	a := &automaton{}
	bytes := b.classes(&a.class) // one of each class
	a.classes = len(bytes)
	b.state(b.closure([]uint32{uint32(prog.Start)}, true), true)
	for state := 0; state < len(b.sets); state++ {
		for _, c := range bytes {
			a.next = append(a.next, uint16(b.state(b.step(b.sets[state], c), false)))
		}
		if len(b.sets) > maxStates {
			return nil
		}
	}
	a.matched, a.atEnd = b.matched, b.atEnd
	return a
}

// subsets is the construction: a state is a set of instructions that the expression may be at.
type subsets struct {
	prog    *syntax.Prog
	states  map[string]int // by set
	sets    [][]uint32
	matched []bool
	atEnd   []bool
}

// state numbers a set; first says that it stands before the first byte.
func (b *subsets) state(set []uint32, first bool) int {
	key := fmt.Sprint(set, first)
	if n, ok := b.states[key]; ok {
		return n
	}
	n := len(b.sets)
	b.states[key] = n
	b.sets = append(b.sets, set)
	b.matched = append(b.matched, b.has(set, syntax.InstMatch))
	b.atEnd = append(b.atEnd, b.ends(set, first))
	return n
}

// step is the set after one more byte. A match that is already there stays, for what follows is free;
// and since an expression may match anywhere, it also begins anew.
func (b *subsets) step(set []uint32, c rune) []uint32 {
	if b.has(set, syntax.InstMatch) {
		return set
	}
	next := []uint32{uint32(b.prog.Start)}
	for _, pc := range set {
		if inst := &b.prog.Inst[pc]; reads(inst.Op) && inst.MatchRune(c) {
			next = append(next, inst.Out)
		}
	}
	return b.closure(next, false)
}

// closure is what can be reached without reading: sorted, with the instructions that read, match or
// wait for the end of the text.
func (b *subsets) closure(from []uint32, first bool) []uint32 {
	return b.reach(from, func(op syntax.EmptyOp) bool {
		return op&syntax.EmptyEndText == 0 && (first || op&syntax.EmptyBeginText == 0)
	})
}

// ends reports whether set reaches a match when the text ends here.
func (b *subsets) ends(set []uint32, first bool) bool {
	return b.has(b.reach(set, func(op syntax.EmptyOp) bool {
		return first || op&syntax.EmptyBeginText == 0
	}), syntax.InstMatch)
}

// reach follows the instructions that read nothing, and the assertions that holds says hold.
func (b *subsets) reach(from []uint32, holds func(syntax.EmptyOp) bool) []uint32 {
	visited := make([]bool, len(b.prog.Inst))
	var set []uint32
	todo := slices.Clone(from)
	for len(todo) > 0 {
		pc := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		if visited[pc] {
			continue
		}
		visited[pc] = true
		switch inst := &b.prog.Inst[pc]; inst.Op {
		case syntax.InstAlt, syntax.InstAltMatch:
			todo = append(todo, inst.Out, inst.Arg)
		case syntax.InstCapture, syntax.InstNop:
			todo = append(todo, inst.Out)
		case syntax.InstEmptyWidth:
			if holds(syntax.EmptyOp(inst.Arg)) {
				todo = append(todo, inst.Out)
			} else if syntax.EmptyOp(inst.Arg)&syntax.EmptyEndText != 0 {
				set = append(set, pc)
			}
		case syntax.InstFail:
		default:
			set = append(set, pc)
		}
	}
	slices.Sort(set)
	return set
}

func (b *subsets) has(set []uint32, op syntax.InstOp) bool {
	return slices.ContainsFunc(set, func(pc uint32) bool { return b.prog.Inst[pc].Op == op })
}

// classes numbers the bytes so that those which no instruction tells apart share a number, and returns
// one byte of each.
func (b *subsets) classes(class *[utf8.RuneSelf]uint8) []rune {
	var bytes []rune
	numbers := map[string]uint8{}
	for c := range rune(utf8.RuneSelf) {
		var signature []byte
		for i := range b.prog.Inst {
			if inst := &b.prog.Inst[i]; reads(inst.Op) {
				signature = strconv.AppendBool(signature, inst.MatchRune(c))
			}
		}
		number, ok := numbers[string(signature)]
		if !ok {
			number = uint8(len(bytes))
			numbers[string(signature)] = number
			bytes = append(bytes, c)
		}
		class[c] = number
	}
	return bytes
}

// reads reports whether an instruction takes a character.
func reads(op syntax.InstOp) bool {
	switch op {
	case syntax.InstRune, syntax.InstRune1, syntax.InstRuneAny, syntax.InstRuneAnyNotNL:
		return true
	}
	return false
}
