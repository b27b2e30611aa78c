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
