package journal_test

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"

	"puente/shared/journal"
)

// child is the process that TestKilledProcessLosesNoAcknowledgedRecord kills: it appends from
// several goroutines, and prints each record once Append has accepted it.
func child(dir string) {
	j, err := journal.Open(dir, journal.Config{SegmentBytes: 64 << 10, MaxSegments: 1 << 20})
	if err != nil {
		fmt.Println("error", err)
		os.Exit(1)
	}
	acknowledged := make(chan string)
	for w := range 4 {
		go func() {
			padding := strings.Repeat("x", 500*(w+1))
			for i := 0; ; i++ {
				record := fmt.Sprintf("%d.%d.%d", os.Getpid(), w, i)
				if err := j.Append([]byte(record + " " + padding)); err != nil {
					record = "error " + err.Error()
				}
				acknowledged <- record
			}
		}()
	}
	for record := range acknowledged {
		fmt.Println(record) // unbuffered
	}
}

func TestKilledProcessLosesNoAcknowledgedRecord(t *testing.T) {
	dir := t.TempDir()
	acknowledged := map[string]bool{}
	for life := range 5 {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), "PUENTE_TEST_JOURNAL_CHILD="+dir)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		for n := 0; lines.Scan(); n++ {
			if strings.HasPrefix(lines.Text(), "error") {
				t.Error(lines.Text())
			}
			acknowledged[lines.Text()] = true
			if n == 500+137*life {
				if err := cmd.Process.Kill(); err != nil {
					t.Error(err)
				}
			}
		}
		_ = cmd.Wait() // it was killed
	}

	j := open(t, dir, journal.Config{})
	defer closeJournal(t, j)
	records, _ := readFrom(t, j, journal.Position{})
	seen := map[string]bool{}
	for _, record := range records {
		name, _, _ := strings.Cut(record, " ")
		if seen[name] {
			t.Errorf("record %s was read twice", name)
		}
		seen[name] = true
	}
	for name := range acknowledged {
		if !seen[name] {
			t.Errorf("record %s was acknowledged and is gone", name)
		}
	}
	if len(acknowledged) < 2500 {
		t.Errorf("only %d records were acknowledged", len(acknowledged))
	}
}
