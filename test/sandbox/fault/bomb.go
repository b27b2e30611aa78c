package fault

import (
	"bytes"
	"compress/flate"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"strings"
	"sync"
)

// BombSize is what a gzip bomb unpacks to, in bytes.
const BombSize = 400 << 20

// bomb is a gzip stream of about 0.4 MB that unpacks to BombSize zeros, made at its first use. Packing
// that much takes a second, and ten under the race detector, longer than callers wait; so one
// chunk is packed, and repeated: a flushed chunk ends at a byte, and all have the same zeros before
// them but the first, which refers to nothing.
var bomb = sync.OnceValue(func() []byte {
	var chunk bytes.Buffer
	w, err := flate.NewWriter(&chunk, flate.DefaultCompression)
	if err != nil { // a constant level: cannot happen
		panic(err)
	}
	zeros := make([]byte, 1<<20)
	pack := func() []byte { // to memory: cannot fail
		chunk.Reset()
		w.Write(zeros)
		w.Flush()
		return bytes.Clone(chunk.Bytes())
	}
	first, next := pack(), pack()
	const chunks = BombSize / (1 << 20)
	packed := append([]byte("\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"), first...) // RFC 1952 §2.3
	packed = append(packed, bytes.Repeat(next, chunks-1)...)
	packed = append(packed, 0x03, 0x00) // RFC 1951 §3.2.3: an empty last block
	sum := uint32(0)
	for range chunks {
		sum = crc32.Update(sum, crc32.IEEETable, zeros)
	}
	packed = binary.LittleEndian.AppendUint32(packed, sum)
	return binary.LittleEndian.AppendUint32(packed, BombSize)
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
