package database

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"puente/shared/problem"
)

// RetryAfter is what callers are told while the database is away.
const RetryAfter = 2 * time.Second

const readOnlyTransaction = "25006"

// Problem is err for the layers above: if it means that the database is away, or cannot serve for
// now, a problem.Unavailable that wraps it. Any other error, and one that already is a problem,
// stays what it is.
func Problem(err error) error {
	var known *problem.Error
	if err == nil || errors.As(err, &known) || !away(err) {
		return err
	}
	return unavailable(err)
}

func unavailable(err error) error {
	return &problem.Error{Kind: problem.Unavailable, RetryAfter: RetryAfter, Err: fmt.Errorf("database: %w", err)}
}

// bounded is what became of a wait that ended at our own limit or at the end of the caller's ctx,
// whichever came first: only the former says that the database is away.
func bounded(ctx context.Context, err error) error {
	if err == nil || ctx.Err() != nil {
		return err
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return unavailable(err)
	}
	return Problem(err)
}

// away reports whether err says something of the server or the way to it rather than of a statement.
// https://www.postgresql.org/docs/current/errcodes-appendix.html
func away(err error) bool {
	var said *pgconn.PgError
	if errors.As(err, &said) {
		switch said.Code[:2] {
		case "08", // connection exception
			"53", // insufficient resources: connections, disk, memory
			"58": // system error: its disk
			return true
		}
		switch said.Code {
		case readOnlyTransaction,
			"57P01", "57P02", "57P03", "57P04", "57P05": // shutdown, crash, starting up, dropped, idle session
			return true
		}
		return false
	}
	var connect *pgconn.ConnectError
	if errors.As(err, &connect) {
		return true
	}
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return false // somebody's patience; it satisfies net.Error too
	}
	var file *fs.PathError
	if errors.As(err, &file) {
		return false // its cause satisfies net.Error
	}
	var network net.Error
	return errors.As(err, &network) || errors.Is(err, pgconn.ErrConnClosed) ||
		errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, net.ErrClosed)
}

// broken reports whether err ended a connection.
func broken(err error) bool {
	var said *pgconn.PgError
	var connect *pgconn.ConnectError
	return away(err) && !errors.As(err, &connect) && (!errors.As(err, &said) || said.Code[:2] == "57" || said.Code == readOnlyTransaction)
}

// repeatable reports whether PostgreSQL rolled a transaction back only because of another one.
func repeatable(err error) bool {
	var said *pgconn.PgError
	return errors.As(err, &said) &&
		(said.Code == "40001" || // serialization failure
			said.Code == "40P01") // deadlock
}
