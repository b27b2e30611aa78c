package journal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
	"sync"
)

// A record lies in its segment as length ‖ CRC-32C ‖ payload, both numbers 4 bytes, little endian.
// The sum covers the length too, so that a run of zeros is not a run of empty records.
const headerBytes = 8

// MaxPayload is the longest record in bytes.
const MaxPayload = 64 << 20

// keptFrame is the largest buffer that is kept for another record.
const keptFrame = 64 << 10

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

var frames = sync.Pool{New: func() any { return new([]byte) }}

// Append adds payload as one record, in one write. After nil the record survives the end of this
// process; after an error nothing of it is there. The error is ErrFull at the bound, and that of
// the file system where the disk is full or broken: a later call may succeed again.
func (j *Journal) Append(payload []byte) error {
	if len(payload) > MaxPayload {
		return fmt.Errorf("journal: a record of %d bytes", len(payload))
	}
	frame := frames.Get().(*[]byte)
	*frame = appendFrame((*frame)[:0], payload)

	j.mu.Lock()
	err := j.write(*frame)
	j.mu.Unlock()

	if cap(*frame) <= keptFrame {
		frames.Put(frame)
	}
	return err
}

func appendFrame(b, payload []byte) []byte {
	at := len(b)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(payload)))
	b = append(b, 0, 0, 0, 0)
	binary.LittleEndian.PutUint32(b[at+4:], checksum(b[at:at+4], payload))
	return append(b, payload...)
}

func checksum(length, payload []byte) uint32 {
	return crc32.Update(crc32.Checksum(length, castagnoli), castagnoli, payload)
}

// write puts frame after the last whole record; j.mu is held.
func (j *Journal) write(frame []byte) error {
	if j.closed {
		return fmt.Errorf("journal: append: %w", os.ErrClosed)
	}
	if j.torn || j.size > 0 && j.size+int64(len(frame)) > j.cfg.SegmentBytes {
		if err := j.rotate(); err != nil {
			return err
		}
	}
	if n, err := j.file.WriteAt(frame, j.size); err != nil {
		if n > 0 && j.file.Truncate(j.size) != nil {
			j.torn = true // a part of the record stays: nothing may follow it
		}
		return fmt.Errorf("journal: append: %w", err)
	}
	j.size += int64(len(frame))
	j.dirty = true
	return nil
}

// rotate leaves the segment in writing for the next; j.mu is held. The file is usually there: the
// keeper opens it ahead.
func (j *Journal) rotate() error {
	if len(j.segments) >= j.cfg.MaxSegments {
		return ErrFull
	}
	next := j.last() + 1
	file := j.spare
	if file == nil {
		var err error
		if file, err = createSegment(j.dir, next); err != nil {
			return fmt.Errorf("journal: next segment: %w", err)
		}
		j.countSync(syncDir(j.dir))
	}
	j.segments[len(j.segments)-1].size = j.size
	j.segments = append(j.segments, segment{number: next})
	j.left = append(j.left, j.file)
	j.file, j.spare, j.size, j.torn = file, nil, 0, false
	j.full.Store(len(j.segments) >= j.cfg.MaxSegments)
	j.wakeKeeper()
	return nil
}

// Remove deletes the segments before p.Segment; the one in writing stays.
func (j *Journal) Remove(p Position) error {
	var errs []error
	for {
		j.mu.Lock()
		number := j.segments[0].number
		done := number >= p.Segment || len(j.segments) == 1
		j.mu.Unlock()
		if done {
			break
		}
		if err := os.Remove(segmentPath(j.dir, number)); err != nil && !errors.Is(err, os.ErrNotExist) {
			errs = append(errs, fmt.Errorf("journal: remove: %w", err))
			break
		}
		j.mu.Lock()
		j.segments = append(j.segments[:0], j.segments[1:]...)
		j.full.Store(len(j.segments) >= j.cfg.MaxSegments)
		j.mu.Unlock()
	}
	j.wakeKeeper()
	return errors.Join(errs...)
}
