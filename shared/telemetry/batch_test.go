package telemetry_test

import (
	"bytes"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"puente/shared/telemetry"
)

func TestBatchHoldsLinesForAMomentOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		b := telemetry.NewBatch(&out)
		for range 3 {
			if n, err := b.Write([]byte("line\n")); n != 5 || err != nil {
				t.Fatalf("Write = %d, %v", n, err)
			}
		}
		if out.Len() != 0 {
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
		if out.Len() < 40<<10 {
			t.Error("a full batch was held back")
		}
	})
}
