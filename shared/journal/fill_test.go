package journal

import (
	"os"
	"path/filepath"
	"testing"
)

// Where the file system gives no room ahead, zeros take it.
func TestFill(t *testing.T) {
	file, err := os.Create(filepath.Join(t.TempDir(), "segment"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	const size = 100_000
	for range 2 { // and a file that has it stays as it is
		if err := fill(file, size); err != nil {
			t.Fatal(err)
		}
		if info, err := file.Stat(); err != nil || info.Size() != size {
			t.Errorf("%v %v", info, err)
		}
	}
}
