package database_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"puente/shared/database"
	"puente/shared/problem"
)

func TestProblemTellsTheDatabaseFromTheStatement(t *testing.T) {
	for _, c := range []struct {
		name string
		err  error
		away bool
	}{
		{"nothing", nil, false},
		{"admin shutdown", &pgconn.PgError{Code: "57P01"}, true},
		{"starting up", &pgconn.PgError{Code: "57P03"}, true},
		{"too many connections", &pgconn.PgError{Code: "53300"}, true},
		{"disk full", &pgconn.PgError{Code: "53100"}, true},
		{"read-only", &pgconn.PgError{Code: "25006"}, true},
		{"connection broke", fmt.Errorf("query: %w", io.ErrUnexpectedEOF), true},
		{"refused", &net.OpError{Op: "dial", Err: errors.New("refused")}, true},
		{"unique violation", &pgconn.PgError{Code: "23505"}, false},
		{"syntax", &pgconn.PgError{Code: "42601"}, false},
		{"statement canceled", &pgconn.PgError{Code: "57014"}, false},
		{"the caller's deadline", fmt.Errorf("query: %w", context.DeadlineExceeded), false},
		{"a file of ours", &fs.PathError{Op: "open", Path: "keys.json", Err: syscall.ENOENT}, false},
		{"a defect", errors.New("x"), false},
	} {
		got := database.Problem(c.err)
		if errors.Is(got, problem.Unavailable) != c.away {
			t.Errorf("%s: %v, want unavailable: %t", c.name, got, c.away)
		}
		if !errors.Is(got, c.err) {
			t.Errorf("%s: the cause is lost", c.name)
		}
	}
	known := &problem.Error{Kind: problem.Conflict, Err: io.EOF}
	if got := database.Problem(known); got != error(known) {
		t.Errorf("a problem became %v", got)
	}
}
