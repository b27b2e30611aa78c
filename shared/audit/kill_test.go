package audit_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"puente/shared/audit"
	"puente/shared/config"
	"puente/shared/database"
	"puente/shared/database/databasetest"
	"puente/shared/journal"
)

const childVariable = "PUENTE_TEST_AUDIT_CHILD"

// child is the process that TestKilledProcessLosesNoRecord kills: it records requests from several
// goroutines while its loader runs, and prints what the log has accepted.
func child(dir, databaseURL string) {
	j, err := journal.Open(dir, journal.Config{SegmentBytes: 20 << 10, MaxSegments: 1000})
	if err != nil {
		fatal(err)
	}
	reg, log := prometheus.NewRegistry(), slog.New(slog.DiscardHandler)
	db, err := database.Open(context.Background(), database.Config{URL: config.NewSecret(databaseURL)}, "", log, reg)
	if err != nil {
		fatal(err)
	}
	l := audit.New(j, db, audit.Config{FlushEvery: time.Millisecond}, "child", log, reg)
	go func() { fatal(l.Run(context.Background())) }()
	accepted := make(chan string)
	for w := range 4 {
		go func() {
			for i := 0; ; i++ {
				r := audit.NewRecord(audit.Request)
				r.Correlation, r.Request = fmt.Sprintf("%d.%d.%d", os.Getpid(), w, i), make([]byte, 100*w)
				if err := l.Begin(r); err != nil {
					fatal(err)
				}
				accepted <- "begun " + r.Correlation
				r.Outcome = "ok"
				if err := l.End(r); err != nil {
					fatal(err)
				}
				accepted <- "ended " + r.Correlation
			}
		}()
	}
	for line := range accepted {
		fmt.Println(line) // unbuffered
	}
}

func fatal(err error) {
	fmt.Println("error", err)
	os.Exit(1)
}

// Killed at any moment, also between a commit and what follows it, the processes leave exactly one
// record of each request that they began: what came of it where they said so, else interrupted.
func TestKilledProcessLosesNoRecord(t *testing.T) {
	db := databasetest.New(t, audit.Migrations)
	dir := t.TempDir()
	begun, ended := map[string]bool{}, map[string]bool{}
	for life := range 8 {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), childVariable+"="+dir, childVariable+"_DATABASE="+db.Config().ConnString())
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		for n := 0; lines.Scan(); n++ {
			switch what, correlation, _ := strings.Cut(lines.Text(), " "); what {
			case "begun":
				begun[correlation] = true
			case "ended":
				ended[correlation] = true
			default:
				t.Error(lines.Text())
			}
			if n == 1000+313*life {
				if err := cmd.Process.Kill(); err != nil {
					t.Error(err)
				}
			}
		}
		_, _ = io.Copy(io.Discard, out)
		_ = cmd.Wait() // it was killed
	}

	r := &replica{t: t, dir: dir, db: db}
	r.start()
	defer r.die()
	r.flush()
	outcomes := map[string]string{}
	for _, row := range r.search(audit.Query{Limit: 1 << 20}) {
		if before, twice := outcomes[row.Correlation]; twice {
			t.Errorf("%s is recorded twice: %s, %s", row.Correlation, before, row.Outcome)
		}
		outcomes[row.Correlation] = row.Outcome
	}
	for correlation := range begun {
		outcome := outcomes[correlation]
		if ended[correlation] && outcome != "ok" || outcome != "ok" && outcome != audit.Interrupted {
			t.Errorf("%s: recorded as %q, said to have ended: %t", correlation, outcome, ended[correlation])
		}
	}
	if n := r.intact(); n < 5000 || n != int64(len(outcomes)) {
		t.Errorf("%d records in the chain, %d found", n, len(outcomes))
	}
}
