package audit

import (
	"context"
	"time"

	"puente/shared/audit/sql"
	"puente/shared/database"
)

const (
	watchEvery = 5 * time.Minute // how often one looks whether a verification is due
	watchLease = time.Hour       // until one that somebody began and did not end is begun again
)

// Watch has all chains verified once in Config.VerifyEvery, by one of the processes that share the database, until
// ctx ends. What was found last is in the metrics of each.
func (l *Log) Watch(ctx context.Context) error {
	for {
		if err := l.watch(ctx); err != nil && ctx.Err() == nil {
			l.log.WarnContext(ctx, "audit chains not verified", "error", err)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(watchEvery):
		}
	}
}

func (l *Log) watch(ctx context.Context) error {
	begun, err := sql.New(l.db).BeginVerification(ctx, sql.BeginVerificationParams{Every: l.cfg.VerifyEvery, Lease: watchLease})
	if err != nil {
		return database.Problem(err)
	}
	if begun > 0 {
		_, err := l.Verify(ctx)
		return err
	}
	last, err := sql.New(l.db).LastVerification(ctx)
	if err != nil {
		return database.Problem(err)
	}
	if last.Ended != nil {
		l.metrics.found(*last.Ended, last.Broken)
	}
	return nil
}

// Verify verifies all chains once what is journalled here is in the database. What it found is in the metrics of all
// processes.
func (l *Log) Verify(ctx context.Context) (Report, error) {
	if err := l.Flush(ctx); err != nil {
		return Report{}, err
	}
	report, err := Verify(ctx, l.db)
	if err != nil {
		return Report{}, err
	}
	broken := int64(0)
	for _, c := range report.Chains {
		if c.Fault != "" {
			broken++
			l.log.ErrorContext(ctx, "audit chain is broken", "instance", c.Instance, "label", c.Label, "fault", c.Fault)
		}
	}
	l.metrics.found(time.Now(), broken)
	if err := sql.New(l.db).EndVerification(ctx, broken); err != nil {
		return Report{}, database.Problem(err)
	}
	return report, nil
}
