package telemetry

import (
	"io"
	"sync"
	"time"
)

const (
	batchBytes = 32 << 10
	batchAge   = 50 * time.Millisecond
)

// Batch writes lines to an underlying writer many at a time: at the latest batchAge after the
// first of them, or when they are batchBytes. A process that is killed loses what it held back;
// what must survive belongs in the audit.
type Batch struct {
	to io.Writer

	mu    sync.Mutex
	held  []byte
	timer *time.Timer // nil: nothing is held
}

// NewBatch batches writes to w.
func NewBatch(w io.Writer) *Batch { return &Batch{to: w} }

// Write holds p back, or writes it with what was held. Its error is that of an earlier batch's
// reader going away and is of no use to a logger: it is dropped.
func (b *Batch) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.held = append(b.held, p...)
	if len(b.held) >= batchBytes {
		b.write()
	} else if b.timer == nil {
		b.timer = time.AfterFunc(batchAge, b.Flush)
	}
	return len(p), nil
}

// Flush writes what is held.
func (b *Batch) Flush() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.write()
}

func (b *Batch) write() {
	if b.timer != nil {
		b.timer.Stop()
		b.timer = nil
	}
	if len(b.held) > 0 {
		_, _ = b.to.Write(b.held) // nobody is left to tell
		b.held = b.held[:0]
	}
}
