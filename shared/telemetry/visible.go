package telemetry

import (
	"fmt"
	"io"
	"unicode/utf8"
)

// visible escapes what JSON lets stand and a terminal obeys or hides: DEL, the C1 controls (U+009B
// begins a sequence as ESC [ does), and the marks that turn the direction of text (Unicode TR 36
// §2.4). The JSON around it has none of them outside its strings, where an escape means the same.
type visible struct{ io.Writer }

// Write takes one line, as slog's handlers write them.
func (v visible) Write(line []byte) (int, error) {
	if !steers(line) {
		return v.Writer.Write(line)
	}
	escaped := make([]byte, 0, len(line)+16)
	for rest := line; len(rest) > 0; {
		r, size := utf8.DecodeRune(rest)
		if invisible(r) {
			escaped = fmt.Appendf(escaped, `\u%04x`, r)
		} else {
			escaped = append(escaped, rest[:size]...)
		}
		rest = rest[size:]
	}
	if _, err := v.Writer.Write(escaped); err != nil {
		return 0, err
	}
	return len(line), nil
}

// steers finds the lines worth a closer look: most are plain ASCII.
func steers(line []byte) bool {
	for _, b := range line {
		if b >= 0x7f {
			return true
		}
	}
	return false
}

func invisible(r rune) bool {
	return r >= 0x7f && r <= 0x9f || r >= 0x200b && r <= 0x200f || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069
}
