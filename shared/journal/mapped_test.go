package journal_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"puente/shared/journal"
)

func segmentFile(dir string, number int) string {
	return filepath.Join(dir, fmt.Sprintf("%012d.journal", number))
}

// asKilled is a copy of the directory of a journal in use: what a kill would leave.
func asKilled(t *testing.T, dir string) string {
	t.Helper()
	copied := t.TempDir()
	names, err := filepath.Glob(filepath.Join(dir, "*.journal")) // the spare one may get its name just now
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range append(names, filepath.Join(dir, "id")) {
		b, err := os.ReadFile(name)
		if err == nil {
			err = os.WriteFile(filepath.Join(copied, filepath.Base(name)), b, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return copied
}

func TestRoomOfADeadProcessHoldsNoRecords(t *testing.T) {
	for name, half := range map[string]string{
		"nothing":                       "",
		"a record without its header":   "\x00\x00\x00\x00\x00\x00\x00\x00half a rec",
		"a record without its payload":  "\x09\x00\x00\x00\x01\x02\x03\x04",
		"a record longer than the room": "\xff\xff\xff\x00\x01\x02\x03\x04half a rec",
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			j := open(t, dir, journal.Config{SegmentBytes: 10_000})
			defer closeJournal(t, j)
			appendAll(t, j, "one", "two")
			killed := asKilled(t, dir)
			f, err := os.OpenFile(segmentFile(killed, 1), os.O_RDWR, 0)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := f.WriteAt([]byte(half), j.End().Offset); err != nil {
				t.Fatal(err)
			}
			if err := f.Close(); err != nil {
				t.Fatal(err)
			}

			next := open(t, killed, journal.Config{})
			defer closeJournal(t, next)
			appendAll(t, next, "three")
			if got, end := readFrom(t, next, journal.Position{}); !slices.Equal(got, []string{"one", "two", "three"}) || end != next.End() {
				t.Errorf("read %q up to %v, the end is %v", got, end, next.End())
			}
			if next.Segments() != 2 {
				t.Errorf("%d segments", next.Segments())
			}
		})
	}
}

func TestProcessKilledBeforeItsFirstRecordLeavesNoSegments(t *testing.T) {
	dir := t.TempDir()
	for range 3 {
		j := open(t, dir, journal.Config{SegmentBytes: 10_000})
		defer closeJournal(t, j)
		dir = asKilled(t, dir)
	}
	j := open(t, dir, journal.Config{})
	defer closeJournal(t, j)
	if j.Segments() != 1 || j.Start().Segment < 4 {
		t.Errorf("%d segments, the first is %d", j.Segments(), j.Start().Segment)
	}
}

func TestSegmentsTakeTheirRoomAheadAndGiveItBack(t *testing.T) {
	dir := t.TempDir()
	const room = 1 << 20
	j := open(t, dir, journal.Config{SegmentBytes: room})
	var stat syscall.Stat_t
	if err := syscall.Stat(segmentFile(dir, 1), &stat); err != nil || stat.Size != room || stat.Blocks*512 < room {
		t.Errorf("%d bytes, %d of them on the disk, %v", stat.Size, stat.Blocks*512, err)
	}
	appendAll(t, j, strings.Repeat("x", room/2), strings.Repeat("y", room/2), strings.Repeat("z", 2*room), "w")
	closeJournal(t, j)
	for i, want := range []int64{room/2 + 8, room/2 + 8, 2*room + 8, 1 + 8} {
		if info, err := os.Stat(segmentFile(dir, i+1)); err != nil || info.Size() != want {
			t.Errorf("segment %d: %v, %v, want %d bytes", i+1, info, err, want)
		}
	}
	if files, err := filepath.Glob(filepath.Join(dir, "*")); err != nil || len(files) != 4+2 {
		t.Errorf("%q, %v: want the segments, id and lock", files, err)
	}
}

// A file that somebody else cut stands in for a disk that breaks: the page is not to be had.
func TestFaultIsAnError(t *testing.T) {
	dir := t.TempDir()
	j := open(t, dir, journal.Config{SegmentBytes: 10_000})
	defer closeJournal(t, j)
	appendAll(t, j, "before")
	whole := j.End().Offset
	if err := os.Truncate(segmentFile(dir, 1), whole); err != nil {
		t.Fatal(err)
	}
	if err := j.Append(make([]byte, 5000)); !errors.Is(err, syscall.EIO) {
		t.Errorf("append: %v", err)
	}
	appendAll(t, j, "after")
	if got, _ := readFrom(t, j, journal.Position{}); !slices.Equal(got, []string{"before", "after"}) {
		t.Errorf("read %q", got)
	}
}
