package telemetry

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"math"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"
)

type valuer struct{ v slog.Value }

func (v valuer) LogValue() slog.Value { return v.v }

func drawText(t *rapid.T, label string) string {
	return rapid.OneOf(
		rapid.StringMatching(`[a-z_]{1,12}`), rapid.String(), rapid.SampledFrom([]string{"", "FOX-01", "a\"b", `a\b`, "<a&b>", "\u2028", "\xff", "a\n", "\u009b", "ñ", "\x7f"}),
	).Draw(t, label)
}

func drawAttr(t *rapid.T, depth int) slog.Attr {
	key := drawText(t, "key")
	kinds := 12
	if depth < 2 {
		kinds++
	}
	switch rapid.IntRange(0, kinds).Draw(t, "kind") {
	case 0:
		return slog.Int64(key, rapid.Int64().Draw(t, "int"))
	case 1:
		return slog.Uint64(key, rapid.Uint64().Draw(t, "uint"))
	case 2:
		return slog.Duration(key, time.Duration(rapid.Int64().Draw(t, "duration")))
	case 3:
		return slog.Bool(key, rapid.Bool().Draw(t, "bool"))
	case 4:
		return slog.Float64(key, rapid.OneOf(rapid.Float64(), rapid.SampledFrom([]float64{math.NaN(), math.Inf(1)})).Draw(t, "float"))
	case 5:
		return slog.Time(key, time.Unix(rapid.Int64Range(-1<<33, 1<<33).Draw(t, "time"), 0).UTC())
	case 6:
		return slog.Any(key, errors.New(drawText(t, "error")))
	case 7:
		return slog.Any(key, rapid.SampledFrom([]any{nil, []string{"<a>"}, map[string]int{"b": 1}, (*time.Time)(nil), make(chan int)}).Draw(t, "any"))
	case 8:
		return slog.Any(key, valuer{slog.StringValue(drawText(t, "value"))})
	case 9:
		return slog.Attr{}
	case 13:
		var in []any
		for range rapid.IntRange(0, 3).Draw(t, "group") {
			in = append(in, drawAttr(t, depth+1))
		}
		return slog.Group(key, in...)
	}
	return slog.String(key, drawText(t, "text"))
}

func drawAttrs(t *rapid.T) (all []slog.Attr) {
	for range rapid.IntRange(0, 4).Draw(t, "attrs") {
		all = append(all, drawAttr(t, 0))
	}
	return all
}

// Whatever is logged, the line is the one that slog writes.
func TestLinesAreThoseOfSlog(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var got, want bytes.Buffer
		var ours, theirs slog.Handler = newLines(&got, slog.LevelInfo), identified{slog.NewJSONHandler(visible{&want}, nil)}
		for range rapid.IntRange(0, 3).Draw(t, "withs") {
			if rapid.IntRange(0, 3).Draw(t, "with") == 0 {
				name := drawText(t, "group")
				ours, theirs = ours.WithGroup(name), theirs.WithGroup(name)
				continue
			}
			attrs := drawAttrs(t)
			ours, theirs = ours.WithAttrs(attrs), theirs.WithAttrs(attrs)
		}
		ctx := t.Context()
		if rapid.Bool().Draw(t, "identified") {
			ctx = WithIdentity(ctx, drawText(t, "correlation"), NewTrace())
		}
		when := time.Unix(rapid.Int64Range(-1<<40, 1<<40).Draw(t, "seconds"), rapid.Int64Range(0, 999_999_999).Draw(t, "nanoseconds"))
		if rapid.IntRange(0, 9).Draw(t, "no time") == 0 {
			when = time.Time{}
		}
		r := slog.NewRecord(when, slog.Level(rapid.IntRange(-8, 12).Draw(t, "level")), drawText(t, "message"), 0)
		r.AddAttrs(drawAttrs(t)...)
		if ours.Enabled(ctx, r.Level) != theirs.Enabled(ctx, r.Level) {
			t.Fatalf("enabled at %v: %t", r.Level, ours.Enabled(ctx, r.Level))
		}
		errOurs, errTheirs := ours.Handle(ctx, r), theirs.Handle(ctx, r)
		if got.String() != want.String() || (errOurs == nil) != (errTheirs == nil) {
			t.Fatalf("wrote\n%s%v, slog\n%s%v", got.String(), errOurs, want.String(), errTheirs)
		}
	})
}

func TestLinesOfBothKindsDoNotMix(t *testing.T) {
	var out bytes.Buffer
	log := slog.New(newLines(&out, slog.LevelInfo))
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			for range 100 {
				log.Info("plain", "a", "b")
				log.Info("not", "error", errors.New("e"))
			}
		})
	}
	group.Wait()
	if n := bytes.Count(out.Bytes(), []byte("}\n{\"time\":")); n != 799 {
		t.Errorf("%d of 799 lines follow another", n)
	}
}

// BenchmarkRequestLine is the line that every request costs.
func BenchmarkRequestLine(b *testing.B) {
	for name, h := range map[string]slog.Handler{
		"lines": newLines(NewBatch(io.Discard), slog.LevelInfo),
		"slog":  identified{slog.NewJSONHandler(visible{NewBatch(io.Discard)}, nil)},
	} {
		b.Run(name, func(b *testing.B) {
			log := slog.New(h).With(slog.String("layer", "xapi"), slog.String("api", "portabilities"), slog.String("operation", "getState"))
			ctx := WithIdentity(context.Background(), "TIENDA-251120261530-0123456789", NewTrace())
			b.ReportAllocs()
			for b.Loop() {
				log.LogAttrs(ctx, slog.LevelInfo, "request",
					slog.Int("status", 200), slog.String("outcome", "ok"), slog.Duration("duration", time.Millisecond),
					slog.String("client", "tienda"), slog.String("system", "TIENDA"),
					slog.String("address", "127.0.0.1"), slog.String("refused_by", ""))
			}
		})
	}
}
