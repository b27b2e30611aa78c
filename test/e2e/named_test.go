package e2e

import (
	"fmt"
	"testing"
)

// named is a test that says which of its cases it reports on.
type named struct {
	testing.TB
	name string
}

// of names the case that follows.
func of(t testing.TB, name ...any) testing.TB {
	text := fmt.Sprintln(name...)
	return named{t, text[:len(text)-1] + ": "}
}

// Errorf, Error, Fatalf and Fatal say the case first.
func (n named) Errorf(format string, args ...any) {
	n.Helper()
	n.TB.Errorf("%s%s", n.name, fmt.Sprintf(format, args...))
}

func (n named) Error(args ...any) {
	n.Helper()
	n.TB.Errorf("%s%s", n.name, fmt.Sprint(args...))
}

func (n named) Fatalf(format string, args ...any) {
	n.Helper()
	n.TB.Fatalf("%s%s", n.name, fmt.Sprintf(format, args...))
}

func (n named) Fatal(args ...any) {
	n.Helper()
	n.TB.Fatalf("%s%s", n.name, fmt.Sprint(args...))
}
