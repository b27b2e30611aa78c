package audit

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"puente/shared/audit/sql"
	"puente/shared/database"
)

const (
	watchEvery = 5 * time.Minute // how often one looks whether a verification is due
	watchLease = 5 * time.Minute // until one is begun again whose process is not heard of
	watchBeat  = time.Minute     // how often a process is heard of
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
	if err == nil {
		return l.verifyAs(ctx, begun)
	}
	if !errors.Is(err, pgx.ErrNoRows) {
		return database.Problem(err)
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

// verifyAs verifies, and is heard of meanwhile.
func (l *Log) verifyAs(ctx context.Context, begun time.Time) error {
	q := sql.New(l.db)
	over := make(chan struct{})
	var beating sync.WaitGroup
	beating.Go(func() {
		for {
			select {
			case <-over:
				return
			case <-time.After(watchBeat):
				if err := q.LiveOnVerification(ctx, begun); err != nil && ctx.Err() == nil {
					l.log.WarnContext(ctx, "verification of the audit not extended", "error", database.Problem(err))
				}
			}
		}
	})
	_, err := l.verify(ctx, begun)
	close(over)
	beating.Wait()
	leaving, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if left := q.LeaveVerification(leaving, begun); err == nil {
		err = database.Problem(left)
	}
	return err
}

// Verify verifies all chains once what is journalled here is in the database. What it found is in the metrics of all
// processes.
func (l *Log) Verify(ctx context.Context) (Report, error) { return l.verify(ctx, time.Now()) }

func (l *Log) verify(ctx context.Context, begun time.Time) (Report, error) {
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
	if err := sql.New(l.db).EndVerification(ctx, sql.EndVerificationParams{Broken: broken, Begun: begun}); err != nil {
		return Report{}, database.Problem(err)
	}
	return report, nil
}
