package database

import (
	"net"
	"path/filepath"
	"testing"
)

func TestReadable(t *testing.T) {
	for _, network := range []string{"unix", "tcp"} {
		t.Run(network, func(t *testing.T) {
			ours, theirs := pair(t, network)
			if readable(ours) {
				t.Error("a silent connection is readable")
			}

			// pgx may have left a read under way, which nothing may wait for.
			var got [1]byte
			read := make(chan error)
			go func() {
				_, err := ours.Read(got[:])
				read <- err
			}()
			if readable(ours) {
				t.Error("a silent connection with a reader is readable")
			}
			if _, err := theirs.Write([]byte("12")); err != nil {
				t.Fatal(err)
			}
			if err := <-read; err != nil {
				t.Fatal(err)
			}
			if !readable(ours) {
				t.Error("a connection with data is not readable")
			}
			if _, err := ours.Read(got[:]); err != nil || got[0] != '2' {
				t.Errorf("read %q, %v: looking took something away", got, err)
			}

			theirs.Close()
			ours.Read(got[:]) // returns once the end is here
			if !readable(ours) {
				t.Error("a connection that the other side closed is not readable")
			}
			ours.Close()
			if !readable(ours) {
				t.Error("a closed connection is not readable")
			}
		})
	}
}

func pair(t *testing.T, network string) (ours, theirs net.Conn) {
	t.Helper()
	address := "127.0.0.1:0"
	if network == "unix" {
		address = filepath.Join(t.TempDir(), "s")
	}
	l, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if ours, err = net.Dial(network, l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if theirs, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { ours.Close(); theirs.Close() })
	return ours, theirs
}
