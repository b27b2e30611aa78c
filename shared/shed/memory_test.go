package shed

import (
	"runtime"
	"runtime/debug"
	"testing"
)

var kept, dropped [][]byte

// A process that had not collected its garbage yet shed requests it had room for.
func TestGarbageIsNotPressure(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(-1)) // nothing is collected but when we say so
	const much = 64 << 20
	fill := func(to *[][]byte) {
		for range much >> 20 {
			*to = append(*to, make([]byte, 1<<20))
		}
	}
	used := func() int64 {
		n, _ := processMemory()
		return int64(n)
	}
	runtime.GC()
	before := used()
	fill(&dropped)
	dropped = nil
	if grown := used() - before; grown > much/4 {
		t.Errorf("%d MiB of garbage count as %d MiB", much>>20, grown>>20)
	}
	fill(&kept)
	runtime.GC()
	if grown := used() - before; grown < much*3/4 {
		t.Errorf("%d MiB in use count as %d MiB", much>>20, grown>>20)
	}
	kept = nil
}
