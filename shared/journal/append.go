package journal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"os"
)

// A record lies in its segment as length ‖ CRC-32C ‖ payload, both numbers 4 bytes, little endian.
// The sum covers the length too, so that a run of zeros is not a run of empty records.
const headerBytes = 8

// MaxPayload is the longest record in bytes.
const MaxPayload = 64 << 20

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Append adds payload as one record. After nil the record survives the end of this process; after an
// error nothing of it is there. The error is ErrFull at the bound, and that of the file system where
// the disk is full or broken: a later call may succeed again.
func (j *Journal) Append(payload []byte) error {
	if len(payload) > MaxPayload {
		return fmt.Errorf("journal: a record of %d bytes", len(payload))
	}
	var header [headerBytes]byte
	binary.LittleEndian.PutUint32(header[:], uint32(len(payload)))
	binary.LittleEndian.PutUint32(header[4:], checksum(payload))

	j.mu.Lock()
	defer j.mu.Unlock()
	return j.write(header, payload)
}

// checksum is that of payload behind its length.
func checksum(payload []byte) uint32 {
	sum := ^uint32(0)
	for length, i := uint32(len(payload)), 0; i < 4; i++ { // by hand: a slice of it would be on the heap
		sum = castagnoli[byte(sum)^byte(length)] ^ sum>>8
		length >>= 8
	}
	return crc32.Update(^sum, castagnoli, payload)
}

// write puts a record after the last whole one; j.mu is held.
func (j *Journal) write(header [headerBytes]byte, payload []byte) error {
	if j.closed {
		return fmt.Errorf("journal: append: %w", os.ErrClosed)
	}
	length := int64(headerBytes + len(payload))
	if j.torn || j.size > 0 && j.size+length > j.cfg.SegmentBytes {
		if err := j.rotate(); err != nil {
			return err
		}
	}
	if j.size+length > int64(len(j.live.room)) { // a record longer than a segment has one to itself
		if err := j.live.grow(length); err != nil {
			return fmt.Errorf("journal: append: %w", err)
		}
	}
	if err := j.live.put(j.size, header, payload); err != nil {
		j.torn = true // a part of the record may be there: nothing may follow it
		return fmt.Errorf("journal: append: %w", err)
	}
	j.size += length
	j.dirty = true
	return nil
}

// rotate leaves the segment in writing for the next; j.mu is held. The file is usually there: the
// keeper makes it ahead.
func (j *Journal) rotate() error {
	if len(j.segments) >= j.cfg.MaxSegments {
		return ErrFull
	}
	next := j.last() + 1
	live := j.spare
	if live == nil {
		var err error
		if live, err = createMapped(segmentPath(j.dir, next), j.cfg.SegmentBytes); err != nil {
			return fmt.Errorf("journal: next segment: %w", err)
		}
		j.countSync(syncDir(j.dir))
	}
	j.segments[len(j.segments)-1].size = j.size
	j.segments = append(j.segments, segment{number: next})
	j.left = append(j.left, finished{j.live, j.size})
	j.live, j.spare, j.size, j.torn = live, nil, 0, false
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
