package main

import (
	"os"
	"runtime/debug"

	"puente/shared/shed"
)

// gcPercent lets the heap grow to five times what is live before it is collected: what is live is
// a few tens of megabytes, and at the default a sixth of the processor goes into collecting them.
const gcPercent = 400

// tuneMemory trades memory for processor time, up to the limit that the machine sets. GOGC and
// GOMEMLIMIT, where given, rule.
func tuneMemory() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	if limit := shed.MemoryLimit(); os.Getenv("GOMEMLIMIT") == "" && limit > 0 {
		debug.SetMemoryLimit(int64(limit / 10 * 8))
	}
}
