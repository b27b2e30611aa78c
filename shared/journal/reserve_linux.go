package journal

import (
	"os"
	"syscall"
)

// reserve gives file size bytes that are its own: a full disk shows here, and never in the middle
// of a mapped page.
func reserve(file *os.File, size int64) error {
	for {
		switch err := syscall.Fallocate(int(file.Fd()), 0, 0, size); err {
		case syscall.EINTR:
		case syscall.EOPNOTSUPP, syscall.ENOSYS: // NFS, FUSE: what is written is there
			return fill(file, size)
		default:
			return err
		}
	}
}

// madvPopulateWrite is MADV_POPULATE_WRITE of Linux 5.14.
const madvPopulateWrite = 23

var pageSize = int64(os.Getpagesize())

// populate asks for the pages of room from one byte to another in one call, which the scheduler sees
// waiting as it does not see a fault. An older kernel refuses, and they come one by one.
func populate(room []byte, from, to int64) {
	_ = syscall.Madvise(room[from/pageSize*pageSize:to], madvPopulateWrite)
}
