package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"time"
)

// connection is a keep-alive connection that reads no more of an answer than it must: the load
// shares the machine with what it measures.
type connection struct {
	conn net.Conn
	in   *bufio.Reader
}

func dial(addr string, until time.Time) (*connection, error) {
	conn, err := net.DialTimeout("tcp", addr, time.Second)
	if err != nil {
		return nil, err
	}
	return &connection{conn, bufio.NewReaderSize(conn, 8<<10)}, conn.SetDeadline(until)
}

// unexpected is an answer that is no success.
type unexpected struct {
	status int
	body   []byte
}

func (e *unexpected) Error() string {
	body := bytes.TrimSpace(e.body)
	if len(body) > 1000 {
		body = body[:1000]
	}
	return fmt.Sprintf("status %d: %s", e.status, body)
}

var (
	contentLength = []byte("content-length:")
	errLength     = errors.New("an answer without Content-Length")
)

// exchange sends a request and returns the length of the body of its answer, which must be a success.
func (c *connection) exchange(r *request) (int, error) {
	if _, err := c.conn.Write(r.text); err != nil {
		return 0, err
	}
	line, err := c.in.ReadSlice('\n')
	if err != nil {
		return 0, err
	}
	if len(line) < len("HTTP/1.1 200") {
		return 0, fmt.Errorf("no status line: %q", line)
	}
	status, err := strconv.Atoi(string(line[9:12]))
	if err != nil {
		return 0, fmt.Errorf("no status line: %q", line)
	}
	length := -1
	for {
		if line, err = c.in.ReadSlice('\n'); err != nil {
			return 0, err
		}
		if len(line) <= len("\r\n") {
			break
		}
		if len(line) > len(contentLength) && bytes.EqualFold(line[:len(contentLength)], contentLength) {
			if length, err = strconv.Atoi(string(bytes.TrimSpace(line[len(contentLength):]))); err != nil {
				return 0, err
			}
		}
	}
	if length < 0 {
		return 0, errLength
	}
	if status != 200 {
		body := make([]byte, length)
		_, err := io.ReadFull(c.in, body)
		return 0, errors.Join(&unexpected{status, body}, err)
	}
	if r.success != nil {
		body, err := c.in.Peek(min(length, c.in.Size()))
		if err != nil {
			return 0, err
		}
		if !r.success(body) {
			return 0, &unexpected{status, bytes.Clone(body)}
		}
	}
	_, err = c.in.Discard(length)
	return length, err
}

func (c *connection) close() { _ = c.conn.Close() }
