// Package telemetry is what the platform says of itself: logs, metrics, traces; and what all of
// them share, the correlation ID, the trace context and the masking of personal data.
package telemetry

import (
	"context"
	"io"
	"log/slog"

	"github.com/lmittmann/tint"
)

// NewLogger makes the program's logger: one JSON object a line, or text for people. Every line
// carries the correlation and trace IDs of its context. Both forms quote control characters, so
// that no value can begin a line of its own or steer the terminal it is read on.
func NewLogger(w io.Writer, format string, level slog.Level) *slog.Logger {
	if format == "text" {
		return slog.New(identified{tint.NewTextHandler(w, &tint.Options{Level: level, NoColor: true})})
	}
	return slog.New(newLines(w, level))
}

// identified adds correlation_id and trace_id.
type identified struct{ slog.Handler }

// Handle implements slog.Handler.
func (h identified) Handle(ctx context.Context, r slog.Record) error {
	r = r.Clone() // another handler may hold the same record
	if id := Correlation(ctx); id != "" {
		r.AddAttrs(slog.String("correlation_id", id))
	}
	if t := TraceOf(ctx); !t.IsZero() {
		r.AddAttrs(slog.String("trace_id", t.String()))
	}
	return h.Handler.Handle(ctx, r)
}

// WithAttrs implements slog.Handler.
func (h identified) WithAttrs(attrs []slog.Attr) slog.Handler {
	return identified{h.Handler.WithAttrs(attrs)}
}

// WithGroup implements slog.Handler.
func (h identified) WithGroup(name string) slog.Handler { return identified{h.Handler.WithGroup(name)} }
