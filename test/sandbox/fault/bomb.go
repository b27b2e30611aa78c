package fault

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"strings"
	"sync"
)

// BombSize is what a gzip bomb unpacks to, in bytes.
const BombSize = 400 << 20

// bomb is a gzip stream of about 0.4 MB that unpacks to BombSize zeros, made at its first use.
var bomb = sync.OnceValue(func() []byte {
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	zeros := make([]byte, 1<<20)
	for range BombSize / len(zeros) {
		w.Write(zeros) // to memory: cannot fail
	}
	w.Close()
	return packed.Bytes()
})

// headerBomb writes an answer whose header section has 10 MB, as far as the peer takes it.
func headerBomb(w io.Writer) {
	if _, err := io.WriteString(w, "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n"); err != nil {
		return
	}
	padding := strings.Repeat("x", 10_000)
	for i := range 1_000 {
		if _, err := fmt.Fprintf(w, "X-Padding-%d: %s\r\n", i, padding); err != nil {
			return
		}
	}
	io.WriteString(w, "\r\n{}")
}
