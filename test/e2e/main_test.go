// Package e2e plays the same scenarios against the program itself, in every shape in which its
// layers can be placed: typed hops, verified typed hops, HTTP hops in one process, three processes.
// No scenario can tell the shape.
//
// The program is built once for each run of the tests and configured by a file, like an operator's;
// the third parties are the sandbox, in the test's own process. Scenarios use nothing but the edges
// that outsiders have: HTTP, the command line, and what the sandbox says it received and did.
package e2e

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// binary is the program under test.
var binary string

func TestMain(m *testing.M) {
	flag.Parse()
	if err := flag.Set("test.parallel", "5"); err != nil { // scenarios wait more than they compute; more make a small machine miss their ends
		panic(err)
	}
	os.Exit(run(m))
}

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "puente-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	binary = filepath.Join(dir, "puente")
	build := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", binary, "puente/deploy/puente")
	build.Env = append(os.Environ(), "CGO_ENABLED=0") // as it is shipped
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		fmt.Fprintln(os.Stderr, "build the program:", err)
		return 1
	}
	return m.Run()
}
