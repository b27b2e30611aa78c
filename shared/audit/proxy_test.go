package audit_test

import (
	"bytes"
	"fmt"
	"net"
	"net/url"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// deafProxy stands before a PostgreSQL server, and once loses the answer to a COMMIT.
type deafProxy struct {
	url         string
	network, to string
	armed       atomic.Bool
}

func newDeafProxy(t *testing.T, server *pgx.ConnConfig) *deafProxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	u := url.URL{
		Scheme: "postgres", User: url.UserPassword(server.User, server.Password), Host: l.Addr().String(),
		Path: "/" + server.Database, RawQuery: "sslmode=disable",
	}
	p := &deafProxy{url: u.String()}
	p.network, p.to = pgconn.NetworkAddress(server.Host, server.Port)
	go func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			go p.serve(client)
		}
	}()
	return p
}

func (p *deafProxy) loseNextCommit() { p.armed.Store(true) }

func (p *deafProxy) serve(client net.Conn) {
	defer client.Close()
	server, err := net.Dial(p.network, p.to)
	if err != nil {
		fmt.Println("proxy:", err)
		return
	}
	defer server.Close()
	var deaf atomic.Bool
	go relay(server, client, func(b []byte) bool {
		if bytes.Contains(b, []byte("commit")) && p.armed.CompareAndSwap(true, false) {
			deaf.Store(true)
		}
		return true
	})
	relay(client, server, func([]byte) bool { return !deaf.Load() })
}

// relay copies until either side ends or pass says no.
func relay(to, from net.Conn, pass func([]byte) bool) {
	b := make([]byte, 64<<10)
	for {
		n, err := from.Read(b)
		if n > 0 {
			if !pass(b[:n]) {
				return
			}
			if _, err := to.Write(b[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}
