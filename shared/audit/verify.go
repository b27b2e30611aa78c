package audit

import (
	"bytes"
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"puente/shared/database"
)

// Report is what Verify found.
type Report struct {
	Intact  bool    `json:"intact"`
	Records int64   `json:"records"`
	Chains  []Chain `json:"chains"`
}

// Chain is one journal's chain.
type Chain struct {
	Instance string `json:"instance"`
	Label    string `json:"label"`
	Records  int64  `json:"records"`
	Last     int64  `json:"last"`            // sequence of its end
	Fault    string `json:"fault,omitempty"` // the first record or anchor that is not as it was written
}

// Verify follows every chain from the oldest day that is kept to its end, and names the first
// record of each that was altered, removed or put in.
func Verify(ctx context.Context, db *database.DB) (Report, error) {
	report := Report{Intact: true}
	err := pgx.BeginTxFunc(ctx, db, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}, func(tx pgx.Tx) error {
		rows, err := tx.Query(ctx, "SELECT instance, label, sequence, hash FROM audit.chains ORDER BY instance")
		if err != nil {
			return err
		}
		type end struct {
			instance, label string
			sequence        int64
			hash            []byte
		}
		ends, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (e end, err error) {
			return e, row.Scan(&e.instance, &e.label, &e.sequence, &e.hash)
		})
		if err != nil {
			return err
		}
		for _, e := range ends {
			c := Chain{Instance: e.instance, Label: e.label, Last: e.sequence}
			if err := c.follow(ctx, tx, e.hash); err != nil {
				return err
			}
			report.Records += c.Records
			report.Intact = report.Intact && c.Fault == ""
			report.Chains = append(report.Chains, c)
		}
		return nil
	})
	if err != nil {
		return Report{}, fmt.Errorf("audit: verify: %w", database.Problem(err))
	}
	return report, nil
}

// dayAnchor is a row of anchors.
type dayAnchor struct {
	day         string
	first, last int64
	previous    []byte
	hash        []byte
}

// follow walks one chain; tail is the hash of its end.
func (c *Chain) follow(ctx context.Context, tx pgx.Tx, tail []byte) error {
	anchors, err := c.anchors(ctx, tx)
	if err != nil {
		return err
	}
	rows, err := tx.Query(ctx, "SELECT "+selected+" FROM audit.records WHERE instance = $1 ORDER BY day, sequence", c.Instance)
	if err != nil {
		return err
	}
	defer rows.Close()
	var sequence int64
	hash := genesis(c.Instance)
	for rows.Next() {
		l, err := scanLinked(rows)
		if err != nil {
			return err
		}
		a, anchored := anchors[l.day.Format("2006-01-02")]
		if c.Records == 0 && anchored && a.first > 1 { // days before were dropped; their anchors vouch
			sequence, hash = a.first-1, a.previous
			if !c.vouched(anchors, a) {
				c.Fault = fmt.Sprintf("the anchor of %s does not follow the day before it", a.day)
				return nil
			}
		}
		c.Records++
		sequence++
		switch {
		case l.sequence != sequence:
			c.Fault = fmt.Sprintf("record %d is missing", sequence)
		case !anchored:
			c.Fault = fmt.Sprintf("record %d stands on a day without an anchor", sequence)
		case l.salt != nil && !bytes.Equal(l.hashPersonal(), l.personalHash):
			c.Fault = fmt.Sprintf("record %d (%s): a personal field was altered", sequence, l.id)
		case !bytes.Equal(l.hashWith(hash), l.hash):
			c.Fault = fmt.Sprintf("record %d (%s) was altered", sequence, l.id)
		case sequence == a.last && !bytes.Equal(l.hash, a.hash):
			c.Fault = fmt.Sprintf("record %d is not the one that the anchor of %s names", sequence, a.day)
		}
		if c.Fault != "" {
			return nil
		}
		hash = l.hash
	}
	if err := rows.Err(); err != nil {
		return err
	}
	if c.Records == 0 && c.Last > 0 {
		c.Fault = "there is no record"
	} else if sequence != c.Last || !bytes.Equal(hash, tail) && c.Last > 0 {
		c.Fault = fmt.Sprintf("record %d is missing", sequence+1)
	}
	return nil
}

func (c *Chain) anchors(ctx context.Context, tx pgx.Tx) (map[string]dayAnchor, error) {
	rows, err := tx.Query(ctx, "SELECT day::text, first_sequence, last_sequence, first_previous, last_hash FROM audit.anchors WHERE instance = $1", c.Instance)
	if err != nil {
		return nil, err
	}
	all, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (a dayAnchor, err error) {
		return a, row.Scan(&a.day, &a.first, &a.last, &a.previous, &a.hash)
	})
	found := make(map[string]dayAnchor, len(all))
	for _, a := range all {
		found[a.day] = a
	}
	return found, err
}

// vouched reports whether the anchor of a dropped day leads to a.
func (c *Chain) vouched(anchors map[string]dayAnchor, a dayAnchor) bool {
	for _, before := range anchors {
		if before.last == a.first-1 {
			return bytes.Equal(before.hash, a.previous)
		}
	}
	return false
}
