package outbox

import (
	"errors"
	"time"

	"puente/shared/httpclient"
)

// Config says how a stream is delivered. Zero members take the default named here.
type Config struct {
	Schedule       []time.Duration    `yaml:"schedule"`       // before each attempt; 0, 5s, 5m, 30m, 2h, 5h, 10h, 14h, 20h, 24h (Standard Webhooks' example)
	SlowFrom       time.Duration      `yaml:"slowFrom"`       // the shortest step that is slow; 30m
	Concurrency    int                `yaml:"concurrency"`    // sends under way in a process; 64
	PerDestination int                `yaml:"perDestination"` // of them to one destination, where the stream's owner says nothing else; 8
	Timeout        time.Duration      `yaml:"timeout"`        // of a send; 20s
	Lease          time.Duration      `yaml:"lease"`          // of an event that is being sent; 1m
	Poll           time.Duration      `yaml:"poll"`           // how often one looks unasked; 1s, which is also the most
	Grace          time.Duration      `yaml:"grace"`          // of sends under way when the process stops; 5s
	Keep           time.Duration      `yaml:"keep"`           // of delivered events and of what was tried; 720h
	Breaker        httpclient.Breaker `yaml:"breaker"`        // of a destination; its window 1m, 5 failures in a row, open for 30s
}

var standardSchedule = []time.Duration{
	0, 5 * time.Second, 5 * time.Minute, 30 * time.Minute,
	2 * time.Hour, 5 * time.Hour, 10 * time.Hour, 14 * time.Hour, 20 * time.Hour, 24 * time.Hour,
}

func (c Config) withDefaults() Config {
	if len(c.Schedule) == 0 {
		c.Schedule = standardSchedule
	}
	or(&c.SlowFrom, slowFrom)
	or(&c.Concurrency, 64)
	or(&c.PerDestination, min(8, c.Concurrency))
	or(&c.Timeout, 20*time.Second)
	or(&c.Lease, max(time.Minute, 2*c.Timeout))
	or(&c.Poll, time.Second)
	or(&c.Grace, 5*time.Second)
	or(&c.Keep, 30*24*time.Hour)
	or(&c.Breaker.Window, time.Minute)
	or(&c.Breaker.Consecutive, 5)
	or(&c.Breaker.OpenFor, 30*time.Second)
	or(&c.Breaker.SlowCall, c.Timeout*8/10)
	return c
}

func or[T int | time.Duration](member *T, value T) {
	if *member == 0 {
		*member = value
	}
}

// Validate joins all that is wrong.
func (c Config) Validate() error {
	var errs []error
	must := func(holds bool, rule string) {
		if !holds {
			errs = append(errs, errors.New(rule))
		}
	}
	c = c.withDefaults()
	must(len(c.Schedule) <= 100, "schedule: must have at most 100 steps")
	for _, step := range c.Schedule {
		must(step >= 0 && step <= 30*24*time.Hour, "schedule: steps must be from 0 to 720h")
	}
	must(c.SlowFrom >= 0, "slowFrom: must not be negative")
	must(c.Concurrency >= 1 && c.Concurrency <= 1000, "concurrency: must be from 1 to 1000")
	must(c.PerDestination >= 1 && c.PerDestination <= c.Concurrency, "perDestination: must be from 1 to concurrency")
	must(c.Timeout > 0 && c.Timeout <= time.Hour, "timeout: must be positive, and at most 1h")
	must(c.Lease >= 2*c.Timeout, "lease: must be at least twice the timeout, for a send must be written down before it ends")
	must(c.Poll > 0 && c.Poll <= time.Second, "poll: must be positive, and at most 1s")
	must(c.Grace >= 0, "grace: must not be negative")
	must(c.Keep > 0, "keep: must be positive")
	if err := (httpclient.Config{Breaker: c.Breaker}).Validate(); err != nil {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}
