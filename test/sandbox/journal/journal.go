// Package journal keeps what a system of the sandbox did in a file, so that its ledger outlives a restart
// of the sandbox.
package journal

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// Journal is a file of events, one JSON line each. An event is in the file before its answer is
// sent, in one write without fsync: it survives the process, not the machine.
type Journal[E any] struct {
	path  string
	file  *os.File
	lines int
	size  int64 // bytes, all of whole lines
}

// Open replays every event of the file at path, making it if there is none. A last line
// without its end, left by a process that died, is cut off.
func Open[E any](path string, replay func(E)) (*Journal[E], error) {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("journal: %w", err)
	}
	j := &Journal[E]{path: path, file: file}
	if err := j.load(replay); err != nil {
		return nil, errors.Join(fmt.Errorf("journal: %w", err), file.Close())
	}
	return j, nil
}

func (j *Journal[E]) load(replay func(E)) error {
	in := bufio.NewReader(j.file)
	for {
		text, err := in.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		var e E
		if err := json.Unmarshal(text, &e); err != nil {
			return fmt.Errorf("%s:%d: %w", j.path, j.lines+1, err)
		}
		replay(e)
		j.lines++
		j.size += int64(len(text))
	}
	return j.file.Truncate(j.size)
}

// Append writes e at the end, whole or not at all.
func (j *Journal[E]) Append(e E) error {
	text, err := json.Marshal(e)
	if err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	text = append(text, '\n')
	if _, err := j.file.WriteAt(text, j.size); err != nil {
		return errors.Join(fmt.Errorf("journal: %w", err), j.file.Truncate(j.size))
	}
	j.lines++
	j.size += int64(len(text))
	return nil
}

// Rewrite replaces the file by one that holds only events, whole or not at all.
func (j *Journal[E]) Rewrite(events []E) error {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	for _, e := range events {
		if err := encoder.Encode(e); err != nil {
			return fmt.Errorf("journal: %w", err)
		}
	}
	file, err := os.CreateTemp(filepath.Dir(j.path), filepath.Base(j.path)+".*")
	if err != nil {
		return fmt.Errorf("journal: %w", err)
	}
	_, err = file.Write(b.Bytes())
	if err == nil {
		err = os.Rename(file.Name(), j.path)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("journal: %w", err), file.Close(), os.Remove(file.Name()))
	}
	j.file.Close() // the old file, no longer in any directory
	j.file, j.lines, j.size = file, len(events), int64(b.Len())
	return nil
}

// Lines is how many events the file holds.
func (j *Journal[E]) Lines() int { return j.lines }

// Close closes the file.
func (j *Journal[E]) Close() error { return j.file.Close() }
