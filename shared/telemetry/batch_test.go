package telemetry_test

import (
	"bytes"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"puente/shared/telemetry"
)

// page is written to by a timer while the test looks.
type page struct {
	mu   sync.Mutex
	text []byte
}

func (p *page) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.text = append(p.text, b...)
	return len(b), nil
}

func (p *page) String() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return string(p.text)
}

func TestBatchHoldsLinesForAMomentOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out page
		b := telemetry.NewBatch(&out)
		for range 3 {
			if n, err := b.Write([]byte("line\n")); n != 5 || err != nil {
				t.Fatalf("Write = %d, %v", n, err)
			}
		}
		if out.String() != "" {
			t.Error("a line was not held back")
		}
		time.Sleep(60 * time.Millisecond)
		synctest.Wait()
		if out.String() != strings.Repeat("line\n", 3) {
			t.Errorf("after its time: %q", out.String())
		}
		if _, err := b.Write([]byte("last\n")); err != nil {
			t.Fatal(err)
		}
		b.Flush()
		if !strings.HasSuffix(out.String(), "last\n") {
			t.Error("Flush left a line behind")
		}
		if _, err := b.Write(bytes.Repeat([]byte("x"), 40<<10)); err != nil {
			t.Fatal(err)
		}
		if len(out.String()) < 40<<10 {
			t.Error("a full batch was held back")
		}
	})
}
