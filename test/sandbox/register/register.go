// Package register is what a system of the sandbox files: orders, cases. Each entry has a number that
// counts on, can be found and changed, and, with a journal, outlives a restart of the sandbox.
package register

import (
	"fmt"
	"sync"

	"puente/test/sandbox/journal"
)

// limit is how many entries are remembered.
const limit = 100_000

// Register holds entries, oldest first. An entry never changes; it is replaced by one of the same key.
type Register[E any] struct {
	key     func(E) string
	mu      sync.Mutex
	first   int // the sequence of the oldest
	entries []E
	keyed   map[string][]int          // sequences, ascending
	journal *journal.Journal[line[E]] // nil: memory only
}

// line is an entry in the journal; a later line of the same sequence replaces it.
type line[E any] struct {
	Sequence int `json:"sequence"`
	Entry    E   `json:"entry"`
}

// New opens a register with what the journal at path remembers; empty: memory only. Several entries may have the
// same key.
func New[E any](path string, key func(E) string) (*Register[E], error) {
	r := &Register[E]{key: key, first: 1, keyed: map[string][]int{}}
	if path == "" {
		return r, nil
	}
	j, err := journal.Open(path, r.apply)
	if err != nil {
		return nil, err
	}
	r.journal = j
	return r, nil
}

// File adds the entry that is made for the next sequence, which counts from 1.
func (r *Register[E]) File(entry func(sequence int) E) (E, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	sequence := r.first + len(r.entries)
	l := line[E]{sequence, entry(sequence)}
	return l.Entry, r.keep(l)
}

// Change replaces the oldest entry of a key that matches, and reports whether there is one.
func (r *Register[E]) Change(key string, matches func(E) bool, change func(E) E) (changed E, found bool, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, sequence := range r.keyed[key] {
		if e := r.entries[sequence-r.first]; matches(e) {
			l := line[E]{sequence, change(e)}
			return l.Entry, true, r.keep(l)
		}
	}
	return changed, false, nil
}

// Any matches every entry.
func Any[E any](E) bool { return true }

// Under are the entries of a key, oldest first.
func (r *Register[E]) Under(key string) []E {
	r.mu.Lock()
	defer r.mu.Unlock()
	var found []E
	for _, sequence := range r.keyed[key] {
		found = append(found, r.entries[sequence-r.first])
	}
	return found
}

// Len is how many entries are remembered.
func (r *Register[E]) Len() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.entries)
}

// Find is the oldest entry that matches.
func (r *Register[E]) Find(matches func(E) bool) (found E, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range r.entries {
		if matches(e) {
			return e, true
		}
	}
	return found, false
}

// All are the entries that are remembered, oldest first.
func (r *Register[E]) All() []E {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]E{}, r.entries...)
}

// Reset forgets all, in the journal too, and counts from 1 again.
func (r *Register[E]) Reset() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.journal != nil {
		if err := r.journal.Rewrite(nil); err != nil {
			return err
		}
	}
	r.first, r.entries, r.keyed = 1, nil, map[string][]int{}
	return nil
}

// Close closes the journal.
func (r *Register[E]) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.journal == nil {
		return nil
	}
	return r.journal.Close()
}

// keep writes l down and takes it into memory; the lock is held.
func (r *Register[E]) keep(l line[E]) error {
	if r.journal != nil {
		if err := r.journal.Append(l); err != nil {
			return fmt.Errorf("register: %w", err)
		}
	}
	r.apply(l)
	if r.journal == nil || r.journal.Lines() <= 2*limit {
		return nil
	}
	lines := make([]line[E], len(r.entries))
	for i, e := range r.entries {
		lines[i] = line[E]{r.first + i, e}
	}
	_ = r.journal.Rewrite(lines) // l is safe; the next tries again
	return nil
}

func (r *Register[E]) apply(l line[E]) {
	if len(r.entries) == 0 {
		r.first = l.Sequence // a journal may begin later than at 1
	}
	switch i := l.Sequence - r.first; {
	case i < 0: // forgotten
		return
	case i < len(r.entries):
		r.entries[i] = l.Entry
		return
	}
	key := r.key(l.Entry)
	r.keyed[key] = append(r.keyed[key], r.first+len(r.entries))
	r.entries = append(r.entries, l.Entry)
	if len(r.entries) > limit {
		r.forget()
	}
}

// forget drops the oldest entry.
func (r *Register[E]) forget() {
	key := r.key(r.entries[0])
	if r.keyed[key] = r.keyed[key][1:]; len(r.keyed[key]) == 0 {
		delete(r.keyed, key)
	}
	r.entries, r.first = r.entries[1:], r.first+1
}
