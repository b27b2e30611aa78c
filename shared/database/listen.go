package database

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

const (
	firstRelisten = 100 * time.Millisecond
	lastRelisten  = 2 * time.Second

	// listenPing is how long a silent connection is believed to be alive.
	listenPing    = 15 * time.Second
	listenTimeout = 2 * time.Second // of connecting and of a ping
)

// listener hears notifications for everybody in the process who listens, on one connection beside the pool. It has
// it while anybody does.
type listener struct {
	mu        sync.Mutex
	ears      []*ear
	interrupt context.CancelFunc // of the last wait, for an ear that is new; nil before the first
	stop      context.CancelFunc
	stopped   chan struct{}
}

// ear is one Listen.
type ear struct {
	channel string
	fn      func(payload string)
	open    bool // the connection listens for it
}

// Listen calls fn with the payload of every NOTIFY on channel, until ctx ends. What was notified
// while there was no connection is lost, so fn is also called with "" after each connect, the first
// included: it then reads the whole state. All who listen share a connection: fn must not wait.
func (db *DB) Listen(ctx context.Context, channel string, fn func(payload string)) {
	if ctx.Err() != nil {
		return
	}
	e := &ear{channel: channel, fn: fn}
	db.lend(e)
	<-ctx.Done()
	db.withdraw(e)
}

// lend adds an ear. The first one opens the connection.
func (db *DB) lend(e *ear) {
	l := &db.listener
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ears = append(l.ears, e)
	if len(l.ears) == 1 {
		var ctx context.Context
		ctx, l.stop = context.WithCancel(context.Background())
		l.stopped = make(chan struct{})
		go db.hear(ctx, l.stopped)
	} else if l.interrupt != nil {
		l.interrupt()
	}
}

// withdraw takes an ear away. The last one closes the connection.
func (db *DB) withdraw(e *ear) {
	l := &db.listener
	l.mu.Lock()
	l.ears = slices.DeleteFunc(l.ears, func(other *ear) bool { return other == e })
	last, stopped := len(l.ears) == 0, l.stopped
	if last {
		l.stop()
	}
	l.mu.Unlock()
	if last {
		<-stopped
	}
}

// hear keeps the connection until ctx ends.
func (db *DB) hear(ctx context.Context, stopped chan<- struct{}) {
	defer close(stopped)
	pause := firstRelisten
	for ctx.Err() == nil {
		err := db.hearOn(ctx, func() { pause = firstRelisten })
		if ctx.Err() != nil {
			return
		}
		db.log.Warn("database listener lost its connection", "error", err)
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
		pause = min(2*pause, lastRelisten)
	}
}

// hearOn listens on one connection until it breaks. connected is called whenever all ears are listened for.
func (db *DB) hearOn(ctx context.Context, connected func()) error {
	limited, cancel := context.WithTimeout(ctx, listenTimeout)
	defer cancel()
	conn, err := pgx.ConnectConfig(limited, db.Config().ConnConfig)
	if err != nil {
		return err
	}
	defer hangUp(ctx, conn)
	l := &db.listener
	l.forget(ctx)
	for {
		wait, interrupt := context.WithTimeout(ctx, listenPing)
		err := l.listen(ctx, conn, interrupt)
		if err == nil {
			connected()
			var n *pgconn.Notification
			if n, err = conn.WaitForNotification(wait); err == nil {
				l.tell(ctx, n.Channel, n.Payload)
			}
		}
		interrupt()
		switch {
		case err == nil:
		case ctx.Err() != nil:
			return err
		case errors.Is(err, context.Canceled): // there is a new ear
		case errors.Is(err, context.DeadlineExceeded) && wait.Err() != nil:
			if err := ping(ctx, conn); err != nil {
				return err
			}
		default:
			return err
		}
	}
}

// forget says that no ear is listened for: the connection is new. This, listen and tell leave the ears alone once ctx
// has ended: those that are there then are another connection's.
func (l *listener) forget(ctx context.Context) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if ctx.Err() != nil {
		return
	}
	for _, e := range l.ears {
		e.open = false
	}
}

// listen listens for the ears that are new, and has those that come later interrupt the wait.
func (l *listener) listen(ctx context.Context, conn *pgx.Conn, interrupt context.CancelFunc) error {
	ctx, cancel := context.WithTimeout(ctx, listenTimeout)
	defer cancel()
	l.mu.Lock()
	if err := ctx.Err(); err != nil {
		l.mu.Unlock()
		return err
	}
	l.interrupt = interrupt
	opening := slices.DeleteFunc(slices.Clone(l.ears), func(e *ear) bool { return e.open })
	l.mu.Unlock()
	for _, e := range opening {
		if _, err := conn.Exec(ctx, "listen "+pgx.Identifier{e.channel}.Sanitize()); err != nil {
			return err
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range opening {
		if e.open = true; slices.Contains(l.ears, e) {
			e.fn("")
		}
	}
	return nil
}

// tell tells the ears of a channel.
func (l *listener) tell(ctx context.Context, channel, payload string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if ctx.Err() != nil {
		return
	}
	for _, e := range l.ears {
		if e.channel == channel && e.open {
			e.fn(payload)
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
