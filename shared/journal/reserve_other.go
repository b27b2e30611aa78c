//go:build !linux

package journal

import (
	"os"
)

// reserve gives file size bytes that are its own: a full disk shows here, and never in the middle
// of a mapped page.
func reserve(file *os.File, size int64) error {
	info, err := file.Stat()
	if err != nil {
		return err
	}
	zeros := make([]byte, 64<<10)
	for at := info.Size(); at < size; {
		n, err := file.WriteAt(zeros[:min(int64(len(zeros)), size-at)], at)
		if at += int64(n); err != nil {
			return err
		}
	}
	return nil
}

func populate([]byte, int64, int64) {}
