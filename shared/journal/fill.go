package journal

import "os"

// fill writes zeros up to size bytes, on a file system that gives no room ahead otherwise.
func fill(file *os.File, size int64) error {
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
