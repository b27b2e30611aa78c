package journal

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

const suffix = ".journal"

func segmentPath(dir string, number uint64) string {
	return filepath.Join(dir, fmt.Sprintf("%012d%s", number, suffix))
}

// left is what earlier processes left in a directory.
type left struct {
	segments []segment // ascending
	empty    []uint64  // made and never written to
	last     uint64    // the highest number given so far
}

// listSegments reads dir; foreign names are passed over.
func listSegments(dir string) (l left, err error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return l, err
	}
	for _, entry := range entries { // sorted by name
		digits, ok := strings.CutSuffix(entry.Name(), suffix)
		number, err := strconv.ParseUint(digits, 10, 64)
		if !ok || err != nil || !entry.Type().IsRegular() {
			continue
		}
		info, err := entry.Info()
		if err != nil {
			return l, err
		}
		l.last = max(l.last, number)
		written, err := hasRecord(segmentPath(dir, number))
		if err != nil {
			return l, err
		}
		if !written {
			l.empty = append(l.empty, number)
			continue
		}
		l.segments = append(l.segments, segment{number: number, size: info.Size()})
	}
	return l, nil
}

// hasRecord reports whether the segment at path was written to: a header of zeros is none.
func hasRecord(path string) (bool, error) {
	f, err := os.Open(path)
	if err != nil {
		return false, err
	}
	var header [headerBytes]byte
	n, err := f.ReadAt(header[:], 0)
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return n > 0 && header != [headerBytes]byte{}, errors.Join(err, f.Close())
}

// identity reads the directory's ID, and makes one where there is none.
func identity(dir string) (string, error) {
	path := filepath.Join(dir, "id")
	b, err := os.ReadFile(path)
	if err == nil && len(b) > 0 {
		return string(b), nil
	}
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return "", err
	}
	id := rand.Text()
	if err := writeSynced(path+".new", []byte(id)); err != nil {
		return "", err
	}
	return id, os.Rename(path+".new", path)
}

func writeSynced(path string, b []byte) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	return errors.Join(err, f.Sync(), f.Close())
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
