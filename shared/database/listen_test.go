package database_test

import (
	"context"
	"sync"
	"testing"

	"puente/shared/database/databasetest"
)

func TestListenThroughARestart(t *testing.T) {
	s := databasetest.NewServer(t)
	ctx, cancel := context.WithCancel(t.Context())
	heard := make(chan string, 16)
	var listening sync.WaitGroup
	listening.Go(func() { s.DB.Listen(ctx, `switches "of" all`, func(payload string) { heard <- payload }) })

	for _, restart := range []func(){func() {}, s.Stop, s.Kill} {
		restart()
		if s.DB.Healthy(ctx) != nil {
			s.Start()
		}
		if payload := <-heard; payload != "" {
			t.Errorf("after a connect: %q, want the empty payload", payload)
		}
		if _, err := s.DB.Exec(ctx, "select pg_notify($1, 'off')", `switches "of" all`); err != nil {
			t.Fatal(err)
		}
		if payload := <-heard; payload != "off" {
			t.Errorf("heard %q, want off", payload)
		}
	}
	cancel()
	listening.Wait()
}

// However many listen, and whenever they begin, they hear their own channel, and by one connection.
func TestListenersShareAConnection(t *testing.T) {
	s := databasetest.NewServer(t)
	var listening sync.WaitGroup
	defer listening.Wait()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	type ear struct {
		channel string
		heard   chan string
		stop    func()
	}
	listen := func(channel string) ear {
		own, end := context.WithCancel(ctx)
		over := make(chan struct{})
		e := ear{channel, make(chan string, 16), func() { end(); <-over }}
		listening.Go(func() {
			defer close(over)
			s.DB.Listen(own, channel, func(payload string) { e.heard <- payload })
		})
		if payload := <-e.heard; payload != "" {
			t.Errorf("%s: at first %q", channel, payload)
		}
		return e
	}
	notify := func(payload string) {
		t.Helper()
		if _, err := s.DB.Exec(ctx, "select pg_notify('a', 'a' || $1), pg_notify('b', 'b' || $1)", payload); err != nil {
			t.Fatal(err)
		}
	}
	hear := func(payload string, ears ...ear) {
		t.Helper()
		for _, e := range ears {
			if got := <-e.heard; got != e.channel+payload {
				t.Errorf("%s: %q, want %q", e.channel, got, e.channel+payload)
			}
		}
	}
	first, second, third := listen("a"), listen("b"), listen("a")
	notify("1")
	hear("1", first, second, third)
	var connections int
	err := s.DB.QueryRow(ctx, "select count(*) from pg_stat_activity where datname = current_database() and query like 'listen %'").Scan(&connections)
	if err != nil || connections != 1 {
		t.Errorf("%d connections, %v", connections, err)
	}
	first.stop()
	notify("2")
	hear("2", second, third)
	second.stop()
	third.stop()
	last := listen("b")
	notify("3")
	hear("3", last)
	for _, e := range []ear{first, second, third} {
		if len(e.heard) > 0 {
			t.Errorf("heard after the end: %q", <-e.heard)
		}
	}
}
