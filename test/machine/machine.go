// Package machine finds what tests need of the machine on which they run: programs that are no part of this
// project, and what the kernel allows.
//
// Where something is missing, its tests are left out: whoever only wants to try the project need not install it.
// PUENTE_TEST_REQUIRE is a list, with commas, of what must be there, as on the machine of CI: without it they fail.
package machine

import (
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// Program is the path of a program. The test is skipped without it, or fails where what, the package that the
// program comes from, is required.
func Program(t testing.TB, program, what string) string {
	t.Helper()
	path, err := exec.LookPath(program)
	if !Found(t, what, err) {
		t.SkipNow()
	}
	return path
}

// Has reports whether a program is here, for a part of a test that is left out without it.
func Has(t testing.TB, program, what string) bool {
	t.Helper()
	_, err := exec.LookPath(program)
	return Found(t, what, err)
}

// Found reports whether what was looked for is here: err is nil. The test fails where it is not and is required.
func Found(t testing.TB, what string, err error) bool {
	t.Helper()
	if err == nil {
		return true
	}
	if slices.Contains(strings.Split(os.Getenv("PUENTE_TEST_REQUIRE"), ","), what) {
		t.Fatalf("PUENTE_TEST_REQUIRE wants %s: %v", what, err)
	}
	t.Logf("left out for want of %s: %v", what, err)
	return false
}
