package e2e

import (
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// has tells whether a program of the machine's that a test needs beside ours is there. Without it
// the test is left out, unless PUENTE_TEST_REQUIRE, a list with commas, wants it by name, as CI does.
func has(t *testing.T, program, name string) bool {
	t.Helper()
	_, err := exec.LookPath(program)
	if err == nil {
		return true
	}
	if slices.Contains(strings.Split(os.Getenv("PUENTE_TEST_REQUIRE"), ","), name) {
		t.Fatalf("PUENTE_TEST_REQUIRE wants %s: %v", name, err)
	}
	t.Logf("no %s here: left out", program)
	return false
}
