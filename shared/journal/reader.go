package journal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
)

// Position is a place between two records: a segment's number and a byte in it. The zero Position
// is before everything.
type Position struct {
	Segment uint64
	Offset  int64
}

// Before reports whether p lies before q.
func (p Position) Before(q Position) bool {
	return p.Segment < q.Segment || p.Segment == q.Segment && p.Offset < q.Offset
}

// readAhead is how much a Reader asks of the file at once.
const readAhead = 256 << 10

// Reader reads the records of a journal in order, those of dead processes and those of this one.
// It is for one goroutine.
type Reader struct {
	j     *Journal
	pos   Position // of the next record
	end   int64    // what of the segment is whole, as last seen
	file  *os.File // of pos.Segment, or nil
	buf   []byte   // bytes of the file from pos.Offset on
	store []byte   // behind buf
}

// Reader reads from p on, a position that End or a Reader returned, or the zero one. Where that
// segment was removed it starts with the next one there is.
func (j *Journal) Reader(p Position) *Reader {
	return &Reader{j: j, pos: p}
}

// Position is where the next record begins: the end of the last one that Next returned.
func (r *Reader) Position() Position { return r.pos }

// Next returns the next record, valid until the next call. It returns io.EOF when there is none for
// now; later calls see what was appended since.
func (r *Reader) Next() ([]byte, error) {
	for {
		if r.pos.Offset >= r.end {
			more, err := r.advance()
			if err != nil {
				return nil, fmt.Errorf("journal: read: %w", err)
			}
			if !more {
				return nil, io.EOF
			}
		}
		payload, err := r.record()
		if err != nil {
			return nil, fmt.Errorf("journal: read: %w", err)
		}
		if payload != nil {
			r.consume(headerBytes + len(payload))
			return payload, nil
		}
		// Not a whole record: a dead process was writing it, or had room left. What follows it cannot
		// be told apart. In the segment in writing a record of this process begins at end.
		r.pos.Offset, r.buf = r.end, nil
	}
}

// Close releases the file.
func (r *Reader) Close() error {
	if r.file == nil {
		return nil
	}
	file := r.file
	r.file, r.buf, r.end = nil, nil, 0
	return file.Close()
}

// advance looks for bytes at or after pos and opens their segment; false: there are none yet.
func (r *Reader) advance() (bool, error) {
	for {
		at, end, last := r.j.find(r.pos.Segment)
		if at != r.pos.Segment {
			if err := r.Close(); err != nil {
				return false, err
			}
			r.pos = Position{Segment: at}
		}
		if r.pos.Offset < end {
			r.end = end
			return true, r.openFile()
		}
		if last {
			return false, nil
		}
		if err := r.Close(); err != nil {
			return false, err
		}
		r.pos = Position{Segment: at + 1}
	}
}

// find is the first segment from number on, how much of it is whole, and whether it is the last.
// A number beyond the last gives the last one's end.
func (j *Journal) find(number uint64) (at uint64, end int64, last bool) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, s := range j.segments[:len(j.segments)-1] {
		if s.number >= number {
			return s.number, s.size, false
		}
	}
	return j.last(), j.size, true
}

func (r *Reader) openFile() error {
	if r.file != nil {
		return nil
	}
	file, err := os.Open(segmentPath(r.j.dir, r.pos.Segment))
	r.file, r.buf = file, nil
	return err
}

// record is the payload at pos, not nil, or nil where the bytes up to end are no whole record.
func (r *Reader) record() ([]byte, error) {
	if r.end-r.pos.Offset < headerBytes {
		return nil, nil
	}
	if err := r.fill(headerBytes); err != nil {
		return nil, eofIsTorn(err)
	}
	length := int64(binary.LittleEndian.Uint32(r.buf))
	if length > MaxPayload || length > r.end-r.pos.Offset-headerBytes {
		return nil, nil
	}
	if err := r.fill(headerBytes + int(length)); err != nil {
		return nil, eofIsTorn(err)
	}
	payload := r.buf[headerBytes : headerBytes+length : headerBytes+length]
	if binary.LittleEndian.Uint32(r.buf[4:]) != checksum(payload) {
		return nil, nil
	}
	return payload, nil
}

// eofIsTorn: a file shorter than it was when the journal was opened was cut by somebody else.
func eofIsTorn(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// fill makes at least n bytes of the file available in buf.
func (r *Reader) fill(n int) error {
	if len(r.buf) >= n {
		return nil
	}
	want := min(max(int64(n), readAhead), r.end-r.pos.Offset)
	if int64(cap(r.store)) < want {
		r.store = make([]byte, want)
	}
	got, err := r.file.ReadAt(r.store[:want], r.pos.Offset)
	r.buf = r.store[:got]
	if got >= n {
		return nil
	}
	return err
}

func (r *Reader) consume(n int) {
	r.buf = r.buf[n:]
	r.pos.Offset += int64(n)
	if cap(r.store) > 4*readAhead && len(r.buf) == 0 { // a giant's buffer is not kept
		r.store = nil
	}
}
