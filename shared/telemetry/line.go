package telemetry

import (
	"context"
	"encoding/hex"
	"io"
	"log/slog"
	"strconv"
	"sync"
	"time"
)

// lines writes most lines itself, with the bytes that slog.JSONHandler would write: those whose
// attributes are plain texts, numbers, durations and booleans outside groups, the line of a request
// first of all. Every other goes to slog, so that there is one opinion on escapes, errors and groups.
type lines struct {
	slog  slog.Handler // for the others
	to    io.Writer    // safe for concurrent use, like what slog writes to
	level slog.Level
	with  []byte // the attributes of WithAttrs, as they lie in a line
	plain bool   // with is all there is
}

func newLines(w io.Writer, level slog.Level) lines {
	to := &serial{to: w}
	return lines{slog: identified{slog.NewJSONHandler(visible{to}, &slog.HandlerOptions{Level: level})}, to: to, level: level, plain: true}
}

// Enabled implements slog.Handler.
func (h lines) Enabled(_ context.Context, level slog.Level) bool { return level >= h.level }

// Handle implements slog.Handler.
func (h lines) Handle(ctx context.Context, r slog.Record) error {
	if h.plain {
		b := lineBuffers.Get().(*[]byte)
		defer lineBuffers.Put(b)
		line, ok := h.appendLine((*b)[:0], identityOf(ctx), &r)
		*b = line[:0]
		if ok {
			_, err := h.to.Write(line)
			return err
		}
	}
	return h.slog.Handle(ctx, r)
}

// lineBuffers hold lines of plain texts only, of which none is long.
var lineBuffers = sync.Pool{New: func() any { b := make([]byte, 0, 1024); return &b }}

func (h lines) appendLine(b []byte, id identity, r *slog.Record) ([]byte, bool) {
	if r.Time.IsZero() || r.Time.Year() < 0 || r.Time.Year() > 9999 || !isPlain(r.Message) {
		return b, false
	}
	b = r.Time.AppendFormat(append(b, `{"time":"`...), time.RFC3339Nano)
	b = append(append(b, `","level":"`...), r.Level.String()...)
	b = append(append(append(b, `","msg":"`...), r.Message...), '"')
	b = append(b, h.with...)
	ok := true
	r.Attrs(func(a slog.Attr) bool {
		b, ok = appendAttr(b, a)
		return ok
	})
	if ok && id.correlation != "" {
		b, ok = appendAttr(b, slog.String("correlation_id", id.correlation))
	}
	if !id.trace.IsZero() {
		b = append(hex.AppendEncode(append(b, `,"trace_id":"`...), id.trace.ID[:]), '"')
	}
	return append(b, "}\n"...), ok
}

// appendAttr appends a, or reports that slog is to say how it is written.
func appendAttr(b []byte, a slog.Attr) ([]byte, bool) {
	if a.Key == "" || !isPlain(a.Key) {
		return b, false
	}
	b = append(append(append(b, `,"`...), a.Key...), `":`...)
	switch a.Value.Kind() {
	case slog.KindString:
		s := a.Value.String()
		return append(append(append(b, '"'), s...), '"'), isPlain(s)
	case slog.KindInt64:
		return strconv.AppendInt(b, a.Value.Int64(), 10), true
	case slog.KindUint64:
		return strconv.AppendUint(b, a.Value.Uint64(), 10), true
	case slog.KindDuration:
		return strconv.AppendInt(b, int64(a.Value.Duration()), 10), true
	case slog.KindBool:
		return strconv.AppendBool(b, a.Value.Bool()), true
	}
	return b, false
}

// maxPlain keeps the buffers small.
const maxPlain = 1024

// isPlain reports whether s stands in JSON as it is.
func isPlain(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			return false
		}
	}
	return len(s) <= maxPlain
}

// WithAttrs implements slog.Handler.
func (h lines) WithAttrs(attrs []slog.Attr) slog.Handler {
	h.slog, h.with = h.slog.WithAttrs(attrs), h.with[:len(h.with):len(h.with)]
	for i := 0; h.plain && i < len(attrs); i++ {
		h.with, h.plain = appendAttr(h.with, attrs[i])
	}
	return h
}

// WithGroup implements slog.Handler.
func (h lines) WithGroup(name string) slog.Handler {
	h.slog, h.plain = h.slog.WithGroup(name), false
	return h
}

// serial writes one line after the other, whichever handler it comes from.
type serial struct {
	mu sync.Mutex
	to io.Writer
}

// Write implements io.Writer.
func (s *serial) Write(line []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.to.Write(line)
}
