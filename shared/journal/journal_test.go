package journal_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"testing"

	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"puente/shared/journal"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv("PUENTE_TEST_JOURNAL_CHILD"); dir != "" {
		child(dir)
		return
	}
	signal.Ignore(syscall.SIGXFSZ) // TestAppendWhereTheDiskIsFull
	goleak.VerifyTestMain(m)
}

type fataler interface {
	Helper()
	Fatal(...any)
}

func open(t fataler, dir string, cfg journal.Config) *journal.Journal {
	t.Helper()
	j, err := journal.Open(dir, cfg)
	if err != nil {
		t.Fatal(err)
	}
	return j
}

func closeJournal(t fataler, j *journal.Journal) {
	t.Helper()
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
}

func appendAll(t fataler, j *journal.Journal, records ...string) {
	t.Helper()
	for _, record := range records {
		if err := j.Append([]byte(record)); err != nil {
			t.Fatal(err)
		}
	}
}

// readFrom is every record after from, and where the next one would begin.
func readFrom(t fataler, j *journal.Journal, from journal.Position) ([]string, journal.Position) {
	t.Helper()
	r := j.Reader(from)
	var records []string
	for {
		payload, err := r.Next()
		if err == io.EOF {
			if err := r.Close(); err != nil {
				t.Fatal(err)
			}
			return records, r.Position()
		}
		if err != nil {
			t.Fatal(err)
		}
		records = append(records, string(payload))
	}
}

func TestRecordsComeBackInOrderOverRestarts(t *testing.T) {
	dir := t.TempDir()
	first := open(t, dir, journal.Config{})
	id := first.ID()
	appendAll(t, first, "one", "", "three")
	closeJournal(t, first)

	second := open(t, dir, journal.Config{})
	defer closeJournal(t, second)
	appendAll(t, second, "four")

	if second.ID() != id {
		t.Errorf("the ID changed from %s to %s", id, second.ID())
	}
	got, end := readFrom(t, second, journal.Position{})
	if want := []string{"one", "", "three", "four"}; !slices.Equal(got, want) {
		t.Errorf("read %q, want %q", got, want)
	}
	if end != second.End() {
		t.Errorf("the reader ended at %v, the journal at %v", end, second.End())
	}
	if got, _ := readFrom(t, second, second.Start()); !slices.Equal(got, []string{"four"}) {
		t.Errorf("this process wrote %q", got)
	}
}

func TestReaderSeesWhatIsAppendedLater(t *testing.T) {
	j := open(t, t.TempDir(), journal.Config{SegmentBytes: 40})
	defer closeJournal(t, j)
	r := j.Reader(journal.Position{})
	defer r.Close()
	for i := range 20 {
		if _, err := r.Next(); err != io.EOF {
			t.Fatalf("before record %d: %v, want EOF", i, err)
		}
		want := fmt.Sprintf("record %d", i)
		appendAll(t, j, want)
		if got, err := r.Next(); err != nil || string(got) != want {
			t.Fatalf("read %q, %v, want %q", got, err, want)
		}
		if r.Position() != j.End() {
			t.Fatalf("the reader is at %v, the end is %v", r.Position(), j.End())
		}
	}
}

// Whatever is appended, and wherever one of the files is cut, the reader yields exactly the whole
// records before the cut and those of the other files, in order.
func TestReaderYieldsWholeRecordsBeforeACut(t *testing.T) {
	root := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		dir, err := os.MkdirTemp(root, "")
		if err != nil {
			t.Fatal(err)
		}
		defer os.RemoveAll(dir)
		cfg := journal.Config{SegmentBytes: rapid.Int64Range(1, 4000).Draw(t, "segment bytes"), MaxSegments: 1000}
		payload := rapid.SliceOfN(rapid.Byte(), 0, 700)
		records := rapid.SliceOfN(payload, 1, 30).Draw(t, "records")

		type place struct {
			segment uint64
			end     int64
		}
		var places []place
		j := open(t, dir, cfg)
		for _, record := range records {
			if err := j.Append(record); err != nil {
				t.Fatal(err)
			}
			places = append(places, place{j.End().Segment, j.End().Offset})
		}
		closeJournal(t, j)

		damaged := rapid.SampledFrom(places).Draw(t, "damaged").segment
		path := filepath.Join(dir, fmt.Sprintf("%012d.journal", damaged))
		whole, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		cut := rapid.Int64Range(0, int64(len(whole))).Draw(t, "cut")
		rest := whole[:cut:cut]
		if rapid.Bool().Draw(t, "garbage follows") {
			rest = append(rest, bytes.Repeat([]byte{0}, rapid.IntRange(0, 100).Draw(t, "zeros"))...)
		}
		if err := os.WriteFile(path, rest, 0o600); err != nil {
			t.Fatal(err)
		}

		var want []string
		for i, p := range places {
			if p.segment != damaged || p.end <= cut || bytes.HasPrefix(rest, whole[:p.end]) {
				want = append(want, string(records[i]))
			}
		}
		j = open(t, dir, cfg)
		defer closeJournal(t, j)
		if got, _ := readFrom(t, j, journal.Position{}); !slices.Equal(got, want) {
			t.Fatalf("read %d records, want %d", len(got), len(want))
		}
	})
}

func TestBoundIsFullUntilSegmentsAreRemoved(t *testing.T) {
	j := open(t, t.TempDir(), journal.Config{SegmentBytes: 100, MaxSegments: 3})
	defer closeJournal(t, j)
	record := string(make([]byte, 92)) // one record fills a segment

	appendAll(t, j, record, record)
	if j.Full() {
		t.Error("full with a segment to go")
	}
	appendAll(t, j, record)
	if !j.Full() {
		t.Error("not full in the last segment")
	}
	if err := j.Append([]byte(record)); !errors.Is(err, journal.ErrFull) {
		t.Errorf("append beyond the bound: %v, want ErrFull", err)
	}

	_, end := readFrom(t, j, journal.Position{})
	if err := j.Remove(end); err != nil {
		t.Fatal(err)
	}
	if j.Full() || j.Segments() != 1 {
		t.Errorf("after Remove: full %t, %d segments, want only the one in writing", j.Full(), j.Segments())
	}
	appendAll(t, j, "again")
	if got, _ := readFrom(t, j, end); !slices.Equal(got, []string{"again"}) {
		t.Errorf("read %q after the bound, want only what was accepted", got)
	}
}

func TestReaderStartsAfterRemovedSegments(t *testing.T) {
	j := open(t, t.TempDir(), journal.Config{SegmentBytes: 1})
	defer closeJournal(t, j)
	appendAll(t, j, "1", "2", "3")
	if err := j.Remove(journal.Position{Segment: 3}); err != nil {
		t.Fatal(err)
	}
	if got, _ := readFrom(t, j, journal.Position{Segment: 1, Offset: 9}); !slices.Equal(got, []string{"3"}) {
		t.Errorf("read %q", got)
	}
}

// The file size limit stands in for a full disk. A record that does not fit into the room that was
// taken ahead meets it, whether the next segment is there already or not.
func TestAppendWhereTheDiskIsFull(t *testing.T) {
	j := open(t, t.TempDir(), journal.Config{SegmentBytes: 2000})
	defer closeJournal(t, j)
	appendAll(t, j, "before")

	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		t.Fatal(err)
	}
	tight := limit
	tight.Cur = 1000
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &tight); err != nil {
		t.Fatal(err)
	}
	err := j.Append(make([]byte, 5000))
	if errLimit := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); errLimit != nil {
		t.Fatal(errLimit)
	}

	if !errors.Is(err, syscall.EFBIG) {
		t.Fatalf("append: %v, want the file system's error", err)
	}
	appendAll(t, j, "after")
	if got, _ := readFrom(t, j, journal.Position{}); !slices.Equal(got, []string{"before", "after"}) {
		t.Errorf("read %q", got)
	}
}

func TestConcurrentAppendsAreAllThere(t *testing.T) {
	j := open(t, t.TempDir(), journal.Config{SegmentBytes: 2000, MaxSegments: 1000})
	defer closeJournal(t, j)
	const writers, each = 8, 200
	var group sync.WaitGroup
	for w := range writers {
		group.Go(func() {
			for i := range each {
				if err := j.Append(fmt.Appendf(nil, "%d %d", w, i)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()

	got, _ := readFrom(t, j, journal.Position{})
	var next [writers]int
	for _, record := range got {
		var w, i int
		if _, err := fmt.Sscan(record, &w, &i); err != nil {
			t.Fatal(err)
		}
		if next[w] != i {
			t.Fatalf("writer %d: record %d where %d was due", w, i, next[w])
		}
		next[w]++
	}
	if len(got) != writers*each {
		t.Errorf("%d records, want %d", len(got), writers*each)
	}
}

func TestDirectoryBelongsToOneProcess(t *testing.T) {
	dir := t.TempDir()
	j := open(t, dir, journal.Config{})
	if _, err := journal.Open(dir, journal.Config{}); !errors.Is(err, journal.ErrLocked) {
		t.Errorf("second open: %v, want ErrLocked", err)
	}
	closeJournal(t, j)
	if err := j.Append([]byte("late")); !errors.Is(err, os.ErrClosed) {
		t.Errorf("append after close: %v", err)
	}
	closeJournal(t, open(t, dir, journal.Config{}))
}

func TestRestartsWithoutRecordsLeaveNoSegments(t *testing.T) {
	dir := t.TempDir()
	for range 5 {
		closeJournal(t, open(t, dir, journal.Config{}))
	}
	j := open(t, dir, journal.Config{})
	defer closeJournal(t, j)
	if j.Segments() != 1 {
		t.Errorf("%d segments", j.Segments())
	}
}

// A loader had read everything, the process died without another record, and the next one began
// with segment 1 again: what it wrote lay before the position that the loader had kept.
func TestSegmentNumbersAreNeverGivenAgain(t *testing.T) {
	dir := t.TempDir()
	j := open(t, dir, journal.Config{})
	appendAll(t, j, "first")
	closeJournal(t, j)

	j = open(t, dir, journal.Config{})
	_, kept := readFrom(t, j, journal.Position{})
	if err := j.Remove(kept); err != nil {
		t.Fatal(err)
	}
	closeJournal(t, j)

	j = open(t, dir, journal.Config{})
	appendAll(t, j, "second")
	closeJournal(t, j)

	j = open(t, dir, journal.Config{})
	defer closeJournal(t, j)
	if got, _ := readFrom(t, j, kept); !slices.Equal(got, []string{"second"}) {
		t.Errorf("from %v on read %q", kept, got)
	}
}

func TestFilesAreTheOwnersAlone(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "journal")
	j := open(t, dir, journal.Config{SegmentBytes: 1})
	defer closeJournal(t, j)
	appendAll(t, j, "1", "2")
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if errors.Is(err, fs.ErrNotExist) { // the spare segment got its name
			return nil
		}
		if err == nil && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %v", path, info.Mode())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestConfigValidate(t *testing.T) {
	for _, test := range []struct {
		cfg journal.Config
		ok  bool
	}{
		{journal.Config{}, true},
		{journal.Config{SegmentBytes: 1 << 20, MaxSegments: 2}, true},
		{journal.Config{SegmentBytes: -1}, false},
		{journal.Config{MaxSegments: 1}, false},
		{journal.Config{MaxSegments: -3}, false},
	} {
		if err := test.cfg.Validate(); (err == nil) != test.ok {
			t.Errorf("%+v: %v", test.cfg, err)
		}
	}
}

func BenchmarkAppend(b *testing.B) {
	for _, size := range []int{200, 2000} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			j := open(b, b.TempDir(), journal.Config{MaxSegments: 1 << 20})
			defer j.Close()
			payload := make([]byte, size)
			b.ReportAllocs()
			for b.Loop() {
				if err := j.Append(payload); err != nil {
					b.Fatal(err)
				}
				if j.Segments() > 8 {
					if err := j.Remove(j.End()); err != nil {
						b.Fatal(err)
					}
				}
			}
		})
	}
}
