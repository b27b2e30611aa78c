package ratelimit

import (
	"net/http"
	"strconv"
	"testing"
	"time"

	"puente/shared/config"
)

func BenchmarkTake(b *testing.B) {
	for name, limits := range map[string][]Limit{
		"one limit":    {limit("k", 1<<40, time.Minute)},
		"three layers": {limit("k", 1<<40, time.Second), limit("k", 1<<40, time.Minute), limit("k", 1<<40, 24*time.Hour)},
	} {
		b.Run("process/"+name, func(b *testing.B) {
			l, err := New(Config{}, quiet, newRegistry())
			if err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				l.Take(ctx, limits...)
			}
		})
	}
	b.Run("process/a million keys", func(b *testing.B) {
		l, err := New(Config{MaxKeys: 1 << 21}, quiet, newRegistry())
		if err != nil {
			b.Fatal(err)
		}
		keys := make([]Limit, 1_000_000)
		for i := range keys {
			keys[i] = Limit{Name: "subject", Key: strconv.Itoa(i), Requests: 10, Window: time.Hour}
			l.Take(ctx, keys[i])
		}
		b.ReportAllocs()
		i := 0
		for b.Loop() {
			i = (i + 7919) % len(keys)
			l.Take(ctx, keys[i])
		}
	})
	b.Run("process/parallel on one key", func(b *testing.B) {
		l, err := New(Config{}, quiet, newRegistry())
		if err != nil {
			b.Fatal(err)
		}
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				l.Take(ctx, limit("k", 1<<40, time.Minute))
			}
		})
	})
	binary := redisBinary(b)
	if binary == "" {
		return
	}
	s := startRedis(b, binary)
	for name, l := range map[string]Limit{
		"redis/leased":  limit("large", 1_000_000_000, time.Minute),
		"redis/asked":   limit("small", 999, time.Millisecond),
		"redis/refused": limit("none", 0, time.Minute),
	} {
		b.Run(name, func(b *testing.B) {
			r, err := New(Config{URL: config.NewSecret(s.url())}, quiet, newRegistry())
			if err != nil {
				b.Fatal(err)
			}
			defer r.Close()
			b.ReportAllocs()
			for b.Loop() {
				r.Take(ctx, l)
			}
		})
	}
}

// BenchmarkSetHeaders shows one limit, as most answers do.
func BenchmarkSetHeaders(b *testing.B) {
	d := newDecision([]Standing{{Limit: Limit{Name: "client", Key: "c", Requests: 1000, Window: time.Minute}, Remaining: 999, Reset: 59 * time.Second}})
	h := make(http.Header, 8)
	b.ReportAllocs()
	for b.Loop() {
		clear(h)
		SetHeaders(h, d)
	}
}
