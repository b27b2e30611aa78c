package httpclient

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"puente/shared/telemetry"
)

// observe measures each attempt and writes its line: what happened, never what was said. Paths,
// queries, headers and bodies may hold personal data and stay out.
func (o *operation) observe(next link) link {
	return func(c *call) (*http.Response, *fault) {
		resp, f := next(c)
		c.clock = time.Now()
		spent := c.clock.Sub(c.began)
		level := slog.LevelDebug
		if f != nil {
			telemetry.Observe(o.metrics.reason(f.reason), spent.Seconds(), c.place)
			level = slog.LevelWarn
		} else {
			telemetry.Observe(o.metrics.status(resp.StatusCode), spent.Seconds(), c.place)
			if resp.StatusCode >= 500 {
				level = slog.LevelWarn
			}
		}
		if c.span.Recording() {
			c.span.Event("attempt", append(fate(resp, f), resends(c.attempts)...)...)
		}
		if o.log.Enabled(c.ctx, level) {
			o.line(c.ctx, level, c, resp, f, spent)
		}
		return resp, f
	}
}

func (o *operation) line(ctx context.Context, level slog.Level, c *call, resp *http.Response, f *fault, spent time.Duration) {
	attrs := [...]slog.Attr{
		slog.String("operation", o.name),
		slog.String("method", c.req.Method),
		slog.Int("attempt", c.attempts),
		slog.Float64("duration_ms", float64(spent)/float64(time.Millisecond)),
		{}, {}, {},
	}
	if f != nil {
		attrs[4] = slog.String("reason", f.reason)
		attrs[5] = slog.String("error", f.err.Error())
		attrs[6] = slog.Bool("sent", f.sent)
		o.log.LogAttrs(ctx, level, "system call failed", attrs[:]...)
		return
	}
	attrs[4] = slog.Int("status", resp.StatusCode)
	attrs[5] = slog.Int64("bytes", resp.ContentLength)
	o.log.LogAttrs(ctx, level, "system call", attrs[:6]...)
}
