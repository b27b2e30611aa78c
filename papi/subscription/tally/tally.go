// Package tally counts in PostgreSQL what is bounded by time: for all processes together, under parallel
// requests, and over the death of any of them. Who is counted stands there as a keyed hash.
package tally

import (
	"bytes"
	"context"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"puente/papi/subscription/sql"
	"puente/shared/database"
	"puente/shared/keyring"
)

// Window is so many of a thing, of somebody, in a fixed span of time.
type Window struct {
	What string // one word per use
	Who  string
	Most int
	Span time.Duration
}

// Tally counts.
type Tally struct{ ring *keyring.Ring }

// New makes a tally whose keyed hashes are ring's.
func New(ring *keyring.Ring) *Tally { return &Tally{ring} }

// Count adds more to all windows as of a moment, or, where one of them is full, to none: then wait is
// when it ends. To add 0 is to ask, in line with all who count at the time: what an answer rests on was
// counted before it or is counted after it.
func (t *Tally) Count(ctx context.Context, db sql.DBTX, at time.Time, more int, windows ...Window) (wait time.Duration, err error) {
	in := sql.TallyParams{More: int32(more)}
	type counted struct {
		Window
		key []byte
	}
	all := make([]counted, len(windows))
	for i, w := range windows {
		key := t.ring.MAC("subscription.counts", []byte(w.What), []byte(w.Who))
		all[i] = counted{w, key[:]}
	}
	slices.SortFunc(all, func(a, b counted) int { return bytes.Compare(a.key, b.key) }) // the order of locks
	for _, w := range all {
		begun := at.Truncate(w.Span)
		in.Keys, in.Most = append(in.Keys, w.key), append(in.Most, int32(w.Most))
		in.Begun, in.Ended = append(in.Begun, begun), append(in.Ended, begun.Add(w.Span))
	}
	full, err := sql.New(db).Tally(ctx, in)
	if err != nil {
		return 0, database.Problem(fmt.Errorf("count: %w", err))
	}
	if full == 0 {
		return 0, nil
	}
	return in.Ended[full-1].Sub(at), nil
}

// Prune forgets what was counted in windows that have ended.
func (t *Tally) Prune(ctx context.Context, db sql.DBTX, at time.Time) error {
	for {
		n, err := sql.New(db).PruneCounts(ctx, at)
		if err != nil {
			return database.Problem(fmt.Errorf("prune counts: %w", err))
		}
		if n == 0 {
			return nil
		}
	}
}

// Address is who stands behind an IP address: of IPv6 the network of 64 bits, which is one customer's
// (RFC 6177). What is no address stands for itself.
func Address(text string) string {
	ip, err := netip.ParseAddr(text)
	if err != nil {
		return text
	}
	ip = ip.Unmap().WithZone("")
	if ip.Is6() {
		return netip.PrefixFrom(ip, 64).Masked().String()
	}
	return ip.String()
}
