package audit

import (
	"bytes"
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"puente/shared/audit/sql"
	"puente/shared/database"
)

// Report is what Verify found.
type Report struct {
	Intact  bool    `json:"intact"`
	Records int64   `json:"records"` // that were read
	Erased  int64   `json:"erased"`  // those of them without personal fields
	Chains  []Chain `json:"chains"`
}

// Chain is one instance's chain.
type Chain struct {
	Instance string `json:"instance"`
	Label    string `json:"label"`
	Records  int64  `json:"records"`
	Erased   int64  `json:"erased,omitempty"`
	Last     int64  `json:"last"`              // sequence of its end
	Dropped  string `json:"dropped,omitempty"` // the last day that retention took
	Fault    string `json:"fault,omitempty"`   // the first record or anchor that is not as it was written
}

// Verify follows every chain from the oldest day that is kept to its end, and names the first
// record of each that was altered, removed or put in.
func Verify(ctx context.Context, db *database.DB) (Report, error) {
	report := Report{Intact: true}
	err := db.AtOneMoment(ctx, func(tx pgx.Tx) error {
		ends, err := sql.New(tx).Chains(ctx)
		if err != nil {
			return err
		}
		for _, end := range ends {
			w := walk{
				Chain: Chain{Instance: end.Instance, Label: end.Label, Last: end.Sequence},
				tx:    tx, hash: genesis(end.Instance), tail: end.Hash,
			}
			if err := w.follow(ctx); err != nil {
				return err
			}
			report.Records += w.Records
			report.Erased += w.Erased
			report.Intact = report.Intact && w.Fault == ""
			report.Chains = append(report.Chains, w.Chain)
		}
		return nil
	})
	if err != nil {
		return Report{}, fmt.Errorf("audit: verify: %w", err)
	}
	return report, nil
}

// walk follows one chain; sequence and hash are those of the last record found good.
type walk struct {
	Chain
	tx       pgx.Tx
	sequence int64
	hash     []byte
	tail     []byte // the hash at the chain's end
	before   string // ID of the last record
}

func (w *walk) follow(ctx context.Context) error {
	if w.Last < 0 {
		w.fault("the chain's end is missing")
		return nil
	}
	anchors, err := sql.New(w.tx).Anchors(ctx, w.Instance)
	if err != nil {
		return err
	}
	rows, err := w.tx.Query(ctx, "select "+selected+" from audit.records where instance = $1 order by day, sequence", w.Instance)
	if err != nil {
		return err
	}
	defer rows.Close()
	next, err := read(rows)
	for ; w.Fault == "" && len(anchors) > 0 && err == nil; anchors = anchors[1:] {
		a := anchors[0]
		if next != nil && next.day.Before(a.Day) {
			break
		}
		w.enter(a, next)
		if a.Dropped != nil && (next == nil || next.day.After(a.Day)) { // the anchor vouches for what is gone
			w.sequence, w.hash, w.before = a.LastSequence, a.LastHash, "dropped"
			w.Dropped = date(a.Day)
			continue
		}
		for w.Fault == "" && next != nil && next.day.Equal(a.Day) && err == nil {
			w.check(next)
			next, err = read(rows)
		}
		w.leave(a)
	}
	if err != nil {
		return err
	}
	switch {
	case next != nil:
		w.fault("record %d (%s) stands on %s, which has no anchor", next.sequence, next.id, date(next.day))
	case w.sequence < w.Last:
		w.fault("record %d is missing", w.sequence+1)
	case w.sequence > w.Last || !bytes.Equal(w.hash, w.tail):
		w.fault("record %d (%s) is not the one at the chain's end", w.sequence, w.before)
	}
	return nil
}

// read is the next record, or nil.
func read(rows pgx.Rows) (*linked, error) {
	if !rows.Next() {
		return nil, rows.Err()
	}
	l, err := scan(rows)
	return &l, err
}

// check looks at the next record.
func (w *walk) check(l *linked) {
	switch {
	case l.sequence != w.sequence+1:
		w.fault("record %d is missing", w.sequence+1)
	case !bytes.Equal(l.appendSum(nil), l.hash):
		w.fault("record %d (%s) was altered", l.sequence, l.id)
	case !bytes.Equal(l.previous, w.hash):
		w.fault("record %d (%s) is not the one that the next was linked to", w.sequence, w.before)
	case l.erased != nil && l.bare(), l.erased == nil && len(l.salt) == saltBytes && bytes.Equal(l.appendPersonalSum(nil), l.personalHash) && same(l.indexed, l.phone()):
		w.sequence, w.hash, w.before = l.sequence, l.hash, l.id
		w.Records++
		if l.erased != nil {
			w.Erased++
		}
	default:
		w.fault("record %d (%s): a personal field was altered", l.sequence, l.id)
	}
}

// bare reports whether nothing personal is left.
func (l *linked) bare() bool {
	return l.salt == nil && l.indexed == nil && l.address+l.detail+l.keys+l.request+l.response == ""
}

func same(a, b *string) bool { return a == b || a != nil && b != nil && *a == *b }

// enter compares the head of a day with the record before it; next is the first record found behind
// that, or nil.
func (w *walk) enter(a sql.AnchorsRow, next *linked) {
	here := next != nil && next.sequence == w.sequence+1 && next.day.Equal(a.Day)
	if a.FirstSequence > w.sequence+1 && !here {
		w.fault("record %d is missing", w.sequence+1)
	} else if a.FirstSequence != w.sequence+1 || a.LastSequence < a.FirstSequence || !bytes.Equal(a.FirstPrevious, w.hash) {
		w.fault("the anchor of %s does not follow record %d", date(a.Day), w.sequence)
	}
}

// leave compares the tail of a day with the last record found.
func (w *walk) leave(a sql.AnchorsRow) {
	if w.sequence < a.LastSequence {
		w.fault("record %d is missing", w.sequence+1)
	} else if w.sequence > a.LastSequence || !bytes.Equal(w.hash, a.LastHash) {
		w.fault("record %d (%s) is not the one that the anchor of %s names", w.sequence, w.before, date(a.Day))
	}
}

// fault keeps the first one.
func (w *walk) fault(format string, args ...any) {
	if w.Fault == "" {
		w.Fault = fmt.Sprintf(format, args...)
	}
}

func date(day time.Time) string { return day.Format(time.DateOnly) }
