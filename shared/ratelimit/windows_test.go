package ratelimit

import (
	"fmt"
	"testing"
	"time"
)

func TestIdleKeysAreForgotten(t *testing.T) {
	f, _ := manual(t)
	l := f.join(t, "", 1)
	for i := range 5000 {
		l.Take(ctx, limit(fmt.Sprint("minute", i), 10, time.Minute), limit(fmt.Sprint("day", i), 10, 24*time.Hour))
	}
	if n := l.windows.len(); n != 10_000 {
		t.Fatalf("%d windows", n)
	}
	f.pass(2 * time.Minute)
	for i := range 30_000 { // any later calls
		l.Take(ctx, limit(fmt.Sprint("later", i%500), 10_000, time.Hour))
	}
	if n := l.windows.len(); n != 5000+500 {
		t.Errorf("%d windows after the minutes have passed", n)
	}
}

func TestKeysAreBounded(t *testing.T) {
	f, _ := manual(t)
	l, err := prepare(Config{MaxKeys: 640}, f.now, quiet, newRegistry())
	if err != nil {
		t.Fatal(err)
	}
	busy := limit("busy", 1<<30, time.Hour)
	for i := range 10_000 {
		f.pass(time.Microsecond)
		l.Take(ctx, busy)
		l.Take(ctx, limit(fmt.Sprint(i), 10, time.Hour))
	}
	if n := l.windows.len(); n > 640+stripes {
		t.Errorf("%d windows", n)
	}
	if got := l.Take(ctx, busy); got.Remaining != 1<<30-10_001 {
		t.Errorf("a key in use was forgotten: %d", 1<<30-got.Remaining)
	}
}

func TestGrid(t *testing.T) {
	for _, window := range []time.Duration{time.Millisecond, time.Second, time.Minute, 7 * time.Second, 24 * time.Hour} {
		g := gridOf(window)
		if g.step*slots*steps < g.window {
			t.Errorf("%v: %d steps of %d µs are too few", window, slots*steps, g.step)
		}
		for _, at := range []int64{1_772_366_400_000_000, 1_772_366_400_123_457} {
			step := g.at(at)
			if leaves := g.leaves(step); leaves < at+g.window || leaves > at+g.window+g.step {
				t.Errorf("%v: what was admitted at %d leaves at %d", window, at, leaves)
			} else if g.first(leaves) != step+1 || g.first(leaves-1) != step {
				t.Errorf("%v: %d leaves at another time than it says", window, step)
			}
			if end := g.slotEnd(step); end <= at || end > at+steps*g.step {
				t.Errorf("%v: slot of %d ends at %d", window, at, end)
			}
		}
	}
}
