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

// profiled is the length of a profile; runs that are profiled are not measured.
const profiled = 10 * time.Second

// profiles are what is taken of a run, by their names at the operations listener.
var profiles = map[string]string{"profile": "cpu", "allocs": "allocs"}

// profile writes CPU and allocation profiles of each process for each row.
func (s *site) profile(ctx context.Context, o options, shapes []*target) error {
	for _, t := range shapes {
		for _, row := range t.rows {
			taken := make(chan error, 1)
			go func() { taken <- t.platform.profile(ctx, o.results, row) }()
			m, err := s.run(ctx, t, row, profiled+time.Second, o.connections)
			if err := errors.Join(err, <-taken); err != nil {
				return err
			}
			fmt.Printf("profiled %s %s: about %.0f requests\n", t.shape, row, m.Rate*profiled.Seconds())
		}
	}
	return nil
}

func (p *platform) profile(ctx context.Context, dir, row string) error {
	var mu sync.Mutex
	var errs []error
	var work sync.WaitGroup
	for _, i := range p.processes {
		for path, kind := range profiles {
			work.Go(func() {
				name := filepath.Join(dir, fmt.Sprintf("%s-%s.%s.pprof", row, i.name, kind))
				err := i.profile(ctx, path, name)
				mu.Lock()
				defer mu.Unlock()
				if errs = append(errs, err); err == nil {
					fmt.Println("profile: go tool pprof -top", name)
				}
			})
		}
	}
	work.Wait()
	return errors.Join(errs...)
}

func (i *instance) profile(ctx context.Context, path, name string) error {
	url := fmt.Sprintf("http://%s/debug/pprof/%s?seconds=%d", i.Operations, path, profiled/time.Second)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return err
	}
	text, err := fetch(req)
	if err != nil {
		return err
	}
	return os.WriteFile(name, text, 0o644)
}
