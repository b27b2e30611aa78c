package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// profiled is the length of a CPU profile; runs that are profiled are not measured.
const profiled = 5 * time.Second

// profile writes a CPU profile of each process for each row, taken by the operations listener.
func (s *site) profile(ctx context.Context, o options, targets []*target) error {
	for _, t := range targets[1:] {
		for _, row := range t.rows {
			taken := make(chan error, 1)
			go func() { taken <- t.platform.profile(ctx, o.results, row) }()
			_, err := s.run(ctx, t, row, profiled+time.Second, o.connections)
			if err := errors.Join(err, <-taken); err != nil {
				return err
			}
		}
	}
	return nil
}

func (p *platform) profile(ctx context.Context, dir, row string) error {
	var mu sync.Mutex
	var errs []error
	var work sync.WaitGroup
	for _, i := range p.processes {
		work.Go(func() {
			name := filepath.Join(dir, fmt.Sprintf("%s-%s.pprof", row, i.name))
			err := i.profile(ctx, p.admin, name)
			mu.Lock()
			defer mu.Unlock()
			if errs = append(errs, err); err == nil {
				fmt.Println("profile: go tool pprof -top", name)
			}
		})
	}
	work.Wait()
	return errors.Join(errs...)
}

func (i *instance) profile(ctx context.Context, token, name string) error {
	url := fmt.Sprintf("http://%s/debug/pprof/profile?seconds=%d", i.Operations, profiled/time.Second)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+token)
	text, err := fetch(req)
	if err != nil {
		return err
	}
	return os.WriteFile(name, text, 0o644)
}
