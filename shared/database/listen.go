package database

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
)

const (
	firstRelisten = 100 * time.Millisecond
	lastRelisten  = 2 * time.Second

	// listenPing is how long a silent connection is believed to be alive.
	listenPing    = 15 * time.Second
	listenTimeout = 2 * time.Second // of connecting and of a ping
)

// Listen calls fn with the payload of every NOTIFY on channel, until ctx ends. What was notified
// while there was no connection is lost, so fn is also called with "" after each connect, the first
// included: it then reads the whole state. It has a connection of its own beside the pool.
func (db *DB) Listen(ctx context.Context, channel string, fn func(payload string)) {
	pause := firstRelisten
	for ctx.Err() == nil {
		err := db.listen(ctx, channel, func(payload string) {
			pause = firstRelisten
			fn(payload)
		})
		if ctx.Err() != nil {
			return
		}
		db.log.Warn("database listener lost its connection", "channel", channel, "error", err)
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
		pause = min(2*pause, lastRelisten)
	}
}

// listen listens on one connection until it breaks.
func (db *DB) listen(ctx context.Context, channel string, fn func(payload string)) error {
	limited, cancel := context.WithTimeout(ctx, listenTimeout)
	defer cancel()
	conn, err := pgx.ConnectConfig(limited, db.Config().ConnConfig)
	if err != nil {
		return err
	}
	defer hangUp(ctx, conn)
	if _, err := conn.Exec(limited, "listen "+pgx.Identifier{channel}.Sanitize()); err != nil {
		return err
	}
	fn("")
	for {
		wait, cancel := context.WithTimeout(ctx, listenPing)
		n, err := conn.WaitForNotification(wait)
		cancel()
		switch {
		case err == nil:
			fn(n.Payload)
		case errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil:
			if err := ping(ctx, conn); err != nil {
				return err
			}
		default:
			return err
		}
	}
}

func ping(ctx context.Context, conn *pgx.Conn) error {
	ctx, cancel := context.WithTimeout(ctx, listenTimeout)
	defer cancel()
	return conn.Ping(ctx)
}

// hangUp closes conn, also when ctx has ended and when the server no longer answers.
func hangUp(ctx context.Context, conn *pgx.Conn) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
	defer cancel()
	conn.Close(ctx)
}
