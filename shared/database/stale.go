package database

import (
	"context"
	"errors"
	"net"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

// idlePing is how long a connection may lie in the pool and still be believed without asking.
const idlePing = time.Second

// shouldPing has a connection asked for a sign of life before it is used where it lay for long or
// the server has said something in the meantime, which is almost always goodbye: after a restart of
// PostgreSQL nobody is handed one of the connections of before.
func shouldPing(_ context.Context, p pgxpool.ShouldPingParams) bool {
	return p.IdleDuration > idlePing || readable(p.Conn.PgConn().Conn())
}

// readable reports whether a read from conn would return at once, with data, the end or an error. It
// costs one system call. It must not wait for a read under way: pgx keeps one in the background
// after a slow write.
func readable(conn net.Conn) bool {
	if tls, ok := conn.(interface{ NetConn() net.Conn }); ok {
		conn = tls.NetConn()
	}
	socket, ok := conn.(syscall.Conn)
	if !ok {
		return true
	}
	raw, err := socket.SyscallConn()
	if err != nil {
		return true
	}
	var silent bool
	err = raw.Control(func(fd uintptr) {
		var b [1]byte
		_, _, err := syscall.Recvfrom(int(fd), b[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		silent = errors.Is(err, syscall.EAGAIN)
	})
	return err != nil || !silent
}
