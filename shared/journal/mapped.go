package journal

import (
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"syscall"
)

// mapped is the file of a segment that is being written, or that will be: its whole room is
// reserved on the disk and mapped.
type mapped struct {
	file  *os.File
	room  []byte
	ready int64 // where the pages begin that were not asked for yet
}

// readyAhead is for how much of the room pages are asked for at once.
const readyAhead = 128 << 10

// createMapped makes the file path anew, with room for size bytes. Where it fails there is none.
func createMapped(path string, size int64) (*mapped, error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	m := &mapped{file: file}
	if err := m.grow(size); err != nil {
		return nil, errors.Join(err, file.Close(), os.Remove(path))
	}
	return m, nil
}

// grow makes room for size bytes. After an error the room is as it was.
func (m *mapped) grow(size int64) error {
	if err := reserve(m.file, size); err != nil {
		return fmt.Errorf("reserve %d bytes of %s: %w", size, m.file.Name(), err)
	}
	room, err := syscall.Mmap(int(m.file.Fd()), 0, int(size), syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_SHARED)
	if err != nil {
		return fmt.Errorf("map %s: %w", m.file.Name(), err)
	}
	err = m.unmap()
	m.room, m.ready = room, 0
	return err
}

// put writes a record at its place, the header last: until then the place reads as zeros, which is
// no record. A page that cannot be had, because the disk is broken or the file was cut, is an error
// and not the end of the process.
func (m *mapped) put(at int64, header [headerBytes]byte, payload []byte) (err error) {
	end := at + headerBytes + int64(len(payload))
	if end > m.ready {
		from := m.ready
		m.ready = min(end+readyAhead, int64(len(m.room)))
		populate(m.room, from, m.ready)
	}
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		switch p := recover().(type) {
		case nil:
		case interface{ Addr() uintptr }: // of the page
			err = fmt.Errorf("%v: %w", p, syscall.EIO)
		default:
			panic(p)
		}
	}()
	copy(m.room[at+headerBytes:end], payload)
	copy(m.room[at:], header[:])
	return nil
}

func (m *mapped) unmap() error {
	if m.room == nil {
		return nil
	}
	room := m.room
	m.room = nil
	return syscall.Munmap(room)
}

// close gives the room back of which only size bytes were needed, and syncs.
func (m *mapped) close(size int64) error {
	return errors.Join(m.unmap(), m.file.Truncate(size), m.file.Sync(), m.file.Close())
}

// discard closes a file that nothing was written to, and removes it.
func (m *mapped) discard(path string) error {
	return errors.Join(m.unmap(), m.file.Close(), os.Remove(path))
}
