package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"sync"
	"time"
)

// job is one run of load: as many requests as fit, one at a time on each connection.
type job struct {
	Addr        string        `json:"addr"`
	Row         string        `json:"row"`
	Token       string        `json:"token"`
	First       uint64        `json:"first"` // number of the first request
	Connections int           `json:"connections"`
	Duration    time.Duration `json:"duration"`
}

// tally is what became of a job.
type tally struct {
	Requests int           `json:"requests"`
	Took     time.Duration `json:"took"`
	P50      time.Duration `json:"p50"`
	P99      time.Duration `json:"p99"`
	Answer   int           `json:"answer"`            // bytes of a body, in the mean
	Failure  string        `json:"failure,omitempty"` // of the first answer that was no success, or none
}

// playLoad runs the jobs of standard input, a line each, and answers each by its tally.
func playLoad(ctx context.Context, _ []string) error {
	jobs, tallies := json.NewDecoder(os.Stdin), json.NewEncoder(os.Stdout)
	for {
		var j job
		if err := jobs.Decode(&j); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		if err := tallies.Encode(run(ctx, j)); err != nil {
			return err
		}
	}
}

// answerWithin is how long after the end of a job its last answers may come.
const answerWithin = 10 * time.Second

func run(ctx context.Context, j job) tally {
	ctx, stop := context.WithTimeout(ctx, j.Duration)
	defer stop()
	started := time.Now()
	latencies := make([][]time.Duration, j.Connections)
	failures := make([]error, j.Connections)
	var bytes int
	var mu sync.Mutex
	var work sync.WaitGroup
	for i := range j.Connections {
		work.Go(func() {
			l, n, err := converse(ctx, j, i)
			if err != nil {
				stop() // the others need not go on
			}
			latencies[i], failures[i] = l, err
			mu.Lock()
			bytes += n
			mu.Unlock()
		})
	}
	work.Wait()
	t := tally{Took: time.Since(started)}
	if failure := cmp.Or(failures...); failure != nil {
		t.Failure = failure.Error()
	}
	all := slices.Concat(latencies...)
	if t.Requests = len(all); t.Requests > 0 {
		slices.Sort(all)
		t.P50, t.P99, t.Answer = quantile(all, 0.50), quantile(all, 0.99), bytes/t.Requests
	}
	return t
}

// converse is the loop of connection i: its latencies and the bytes of the answers' bodies.
func converse(ctx context.Context, j job, i int) (latencies []time.Duration, bytes int, err error) {
	until := time.Now().Add(answerWithin)
	if end, ok := ctx.Deadline(); ok {
		until = end.Add(answerWithin)
	}
	c, err := dial(j.Addr, until)
	if err != nil {
		return nil, 0, err
	}
	defer c.close()
	r := newRequest(j.Row, j.Addr, j.Token)
	latencies = make([]time.Duration, 0, 1<<14)
	sent := time.Now()
	for n := j.First + uint64(i); ctx.Err() == nil; n += uint64(j.Connections) {
		r.number(n)
		length, err := c.exchange(r)
		if err != nil {
			return latencies, bytes, fmt.Errorf("%s %s: %w", j.Row, paths[j.Row], err)
		}
		bytes += length
		now := time.Now()
		latencies = append(latencies, now.Sub(sent))
		sent = now
	}
	return latencies, bytes, nil
}

// quantile of sorted values, by the nearest rank.
func quantile[T any](sorted []T, q float64) T {
	return sorted[min(int(q*float64(len(sorted))), len(sorted)-1)]
}
