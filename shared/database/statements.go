package database

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Statements is what a Writer's exec writes a group through; sqlc's queries run on it. Each Query or
// QueryRow is one round trip and one transaction, with the Execs before it: PostgreSQL commits what
// it gets in one go unless something in it fails. Each statement sees what those before it had to
// wait for, as under READ COMMITTED anywhere.
//
// An Exec only stands in line: what comes of it is an error of the Query that sends it, and its tag
// says nothing. Those after the last Query are sent when exec returns.
type Statements interface {
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// statements is the Statements of one try of a group.
type statements struct {
	conn  *pgx.Conn
	queue pgx.Batch
	err   error // the first

	written bool // a transaction was committed, or may have been
}

// Exec puts a statement in line.
func (s *statements) Exec(_ context.Context, sql string, args ...any) (pgconn.CommandTag, error) {
	s.queue.Queue(sql, args...)
	return pgconn.CommandTag{}, nil
}

// Query sends what stands in line, and the query.
func (s *statements) Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error) {
	if s.queue.Len() == 0 {
		answer, err := s.conn.Query(ctx, sql, args...)
		if err != nil {
			return nil, s.ended(err)
		}
		return &rows{Rows: answer, of: s}, nil
	}
	before := s.queue.Len()
	s.queue.Queue(sql, args...)
	batch := s.send(ctx)
	var err error
	for range before {
		if _, failed := batch.Exec(); err == nil {
			err = failed
		}
	}
	var answer pgx.Rows
	if err == nil {
		answer, err = batch.Query()
	}
	if err != nil {
		batch.Close() // it says the same
		return nil, s.ended(err)
	}
	return &rows{Rows: answer, of: s, batch: batch}, nil
}

// QueryRow is Query for one row.
func (s *statements) QueryRow(ctx context.Context, sql string, args ...any) pgx.Row {
	r, err := s.Query(ctx, sql, args...)
	return row{r, err}
}

// flush sends what still stands in line.
func (s *statements) flush(ctx context.Context) error {
	if s.err == nil && s.queue.Len() > 0 {
		s.ended(s.send(ctx).Close())
	}
	return s.err
}

func (s *statements) send(ctx context.Context) pgx.BatchResults {
	batch := s.queue
	s.queue = pgx.Batch{}
	return s.conn.SendBatch(ctx, &batch)
}

// ended notes that a transaction has, with err.
func (s *statements) ended(err error) error {
	s.written = s.written || !refused(err)
	if s.err == nil {
		s.err = err
	}
	return err
}

// refused reports whether a transaction that ended with err was certainly not committed.
func refused(err error) bool {
	var said *pgconn.PgError
	return err != nil && (pgconn.SafeToRetry(err) ||
		errors.As(err, &said) && said.Severity != "FATAL" && said.Severity != "PANIC" && said.Code[:2] != "57")
}

// rows are the answer to a query. They are complete, and committed, once the server has said that it
// is ready for another one.
type rows struct {
	pgx.Rows
	of     *statements
	batch  pgx.BatchResults // nil if the query went alone
	closed bool
	err    error
}

// Next implements pgx.Rows.
func (r *rows) Next() bool {
	if r.Rows.Next() {
		return true
	}
	r.Close()
	return false
}

// Close implements pgx.Rows.
func (r *rows) Close() {
	if r.closed {
		return
	}
	r.closed = true
	r.Rows.Close()
	r.err = r.Rows.Err()
	if r.batch != nil {
		if err := r.batch.Close(); r.err == nil {
			r.err = err
		}
	}
	r.of.ended(r.err)
}

// Err implements pgx.Rows.
func (r *rows) Err() error {
	if r.closed {
		return r.err
	}
	return r.Rows.Err()
}

// row is the first of an answer's rows.
type row struct {
	rows pgx.Rows
	err  error
}

// Scan implements pgx.Row.
func (r row) Scan(to ...any) error {
	if r.err != nil {
		return r.err
	}
	defer r.rows.Close()
	var err error
	if !r.rows.Next() {
		err = pgx.ErrNoRows
	} else {
		err = r.rows.Scan(to...)
	}
	r.rows.Close()
	if ended := r.rows.Err(); ended != nil {
		return ended
	}
	return err
}
