package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/jackc/pgx/v5"

	"puente/shared/database"
)

// site is what all shapes share: the backend, the baseline, the load, PostgreSQL and Redis.
type site struct {
	dir  string
	crew *crew

	stub  string        // URL
	chain time.Duration // of the backend calls of a reconnection, by themselves
	load  *self
	token string

	db        *database.DB
	databases []string // made here
	postgres  int      // pid of the postmaster; 0 if it is not on this machine

	redis     *process // nil: each process counts its limits alone
	redisAddr string

	next uint64 // number of the next request
}

// newSite starts what all shapes share.
func newSite(ctx context.Context, o options) (s *site, err error) {
	s = &site{}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.close())
		}
	}()
	if s.dir, err = os.MkdirTemp("", "puente-bench-"); err != nil {
		return s, err
	}
	if err = os.Chmod(s.dir, 0o711); err != nil { // PostgreSQL may run as another user
		return s, err
	}
	s.crew = &crew{dir: s.dir}
	_, addr, err := s.crew.serve("stub", "-delay", o.delay.String())
	if err != nil {
		return s, err
	}
	s.stub = "http://" + addr
	if s.chain, err = chainOf(ctx, s.stub); err != nil {
		return s, err
	}
	if s.load, err = s.crew.play("load", "load"); err != nil {
		return s, err
	}
	if s.token, err = fetchToken(ctx, s.stub); err != nil {
		return s, err
	}
	if err = s.openDatabase(ctx); err != nil {
		return s, err
	}
	return s, s.startRedis(ctx)
}

// close ends and removes everything.
func (s *site) close() error {
	if s.crew != nil {
		s.crew.stop()
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	var errs []error
	if s.db != nil {
		for _, name := range s.databases {
			_, err := s.db.Exec(ctx, "drop database "+pgx.Identifier{name}.Sanitize()+" with (force)")
			errs = append(errs, err)
		}
		s.db.Close()
	}
	if s.dir != "" {
		errs = append(errs, os.RemoveAll(s.dir))
	}
	return errors.Join(errs...)
}

// explain adds what a child that died had to say.
func (s *site) explain(err error) error {
	if err == nil || errors.Is(err, context.Canceled) {
		return err
	}
	if p := s.crew.dead(); p != nil {
		return fmt.Errorf("%w\n%s ended (%v):\n%s", err, p.name, p.err, p.tail())
	}
	return err
}
