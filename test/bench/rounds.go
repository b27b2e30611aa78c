package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"time"
)

// target is what a run measures.
type target struct {
	shape     string
	addr      string
	token     string
	rows      []string
	processes []*process // whose CPU counts
	platform  *platform  // nil: the baseline
}

// sample is one run: a row on a shape in a round.
type sample struct {
	Round     int                `json:"round"`
	Row       string             `json:"row"`
	Shape     string             `json:"shape"`
	CPU       float64            `json:"cpu_us"`                // µs per request of all processes under test
	Processes map[string]float64 `json:"processes_us"`          // the same for each
	Postgres  float64            `json:"postgres_us,omitempty"` // likewise
	Redis     float64            `json:"redis_us,omitempty"`
	Ratio     float64            `json:"ratio"` // of CPU to the baseline just before it
	Rate      float64            `json:"requests_per_second"`
	tally
}

// targets are the baselines and the shapes.
type targets struct {
	forward, calls *target
	shapes         []*target
}

// of is the baseline of a row.
func (t *targets) of(row string) *target {
	if fansOut(row) {
		return t.calls
	}
	return t.forward
}

// build starts the baselines and every shape.
func (s *site) build(ctx context.Context, o options) (*targets, error) {
	proxy, addr, err := s.crew.serve("proxy", "-backend", s.stub)
	if err != nil {
		return nil, err
	}
	calls, callsAddr, err := s.crew.serve("calls", "-backend", s.stub)
	if err != nil {
		return nil, err
	}
	all := &targets{
		forward: &target{shape: shapeProxy, addr: addr, rows: []string{rowForward}, processes: []*process{proxy.process}},
		calls:   &target{shape: shapeCalls, addr: callsAddr, rows: []string{rowCalls}, processes: []*process{calls.process}},
	}
	for _, shape := range o.shapes {
		p, err := s.startPlatform(ctx, o, shape)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", shape, err)
		}
		s.next++
		if err := p.await(ctx, s.token, s.next); err != nil {
			return nil, fmt.Errorf("%s: %w", shape, err)
		}
		t := &target{shape: shape, addr: p.edge().Public, token: s.token, rows: o.rows, platform: p}
		for _, i := range p.processes {
			t.processes = append(t.processes, i.process)
		}
		all.shapes = append(all.shapes, t)
	}
	return all, nil
}

// measure warms everything up and runs the rounds. Within a round every shape has baselines of its own
// just before its rows, so that a machine that slows down slows both.
func (s *site) measure(ctx context.Context, o options, all *targets) ([]sample, error) {
	warm := all.shapes
	for _, row := range o.rows {
		if base := all.of(row); !slices.Contains(warm, base) {
			warm = append(slices.Clone(warm), base)
		}
	}
	for _, t := range warm {
		for _, row := range t.rows {
			if _, err := s.run(ctx, t, row, o.warmUp, o.connections); err != nil {
				return nil, err
			}
		}
	}
	var samples []sample
	take := func(round int, t *target, row string) (*sample, error) {
		fmt.Fprintf(os.Stderr, "\rround %d of %d: %-8s %-10s", round, o.rounds, t.shape, row)
		m, err := s.run(ctx, t, row, o.duration, o.connections)
		if err != nil {
			fmt.Fprintln(os.Stderr)
			return nil, err
		}
		m.Round = round
		samples = append(samples, m)
		return &samples[len(samples)-1], nil
	}
	for round := 1; round <= o.rounds; round++ {
		for _, t := range all.shapes {
			baselines := map[*target]float64{} // CPU
			for _, row := range t.rows {
				base := all.of(row)
				if baselines[base] == 0 {
					m, err := take(round, base, base.rows[0])
					if err != nil {
						return nil, err
					}
					m.Ratio, baselines[base] = 1, m.CPU
				}
				m, err := take(round, t, row)
				if err != nil {
					return nil, err
				}
				m.Ratio = m.CPU / baselines[base]
			}
		}
	}
	fmt.Fprintln(os.Stderr)
	return samples, nil
}

// numbersPerRun keeps the numbers of one run's requests from those of the next.
const numbersPerRun = 5_000_000

// run is one run of load on a target, and what it cost.
func (s *site) run(ctx context.Context, t *target, row string, duration time.Duration, connections int) (sample, error) {
	s.next += numbersPerRun
	m := sample{Row: row, Shape: t.shape, Processes: map[string]float64{}}
	if waits(row) {
		connections = max(connections, fanConnections)
	}
	before := s.meters(t)
	done, err := s.load.answer(ctx, job{
		Addr: t.addr, Row: row, Token: t.token, First: s.next, Connections: connections, Duration: duration,
	})
	if err != nil {
		return m, fmt.Errorf("%s: %w", t.shape, err)
	}
	after, err := s.quiet(ctx, t)
	if err != nil {
		return m, err
	}
	perRequest := func(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) / float64(done.Requests) }
	for i, p := range t.processes {
		used := after.processes[i] - before.processes[i]
		m.Processes[p.name] = perRequest(used)
		m.CPU += perRequest(used)
	}
	m.Postgres, m.Redis = perRequest(after.postgres-before.postgres), perRequest(after.redis-before.redis)
	m.tally, m.Rate = done, float64(done.Requests)/done.Took.Seconds()
	return m, nil
}

// meters are CPU times.
type meters struct {
	processes       []time.Duration
	postgres, redis time.Duration
}

func (s *site) meters(t *target) meters {
	var m meters
	for _, p := range t.processes {
		m.processes = append(m.processes, cpuOf(p.pid()))
	}
	if s.postgres != 0 {
		m.postgres = cpuOf(s.postgres)
	}
	if s.redis != nil {
		m.redis = cpuOf(s.redis.pid())
	}
	return m
}

func (m meters) sum() time.Duration {
	sum := m.postgres + m.redis
	for _, p := range m.processes {
		sum += p
	}
	return sum
}

// quietAtMost is how long a run may go on working after its last answer: what it put off, such as
// loading the audit, is part of its cost.
const quietAtMost = 2 * time.Second

// quiet reads the meters once they stand still.
func (s *site) quiet(ctx context.Context, t *target) (meters, error) {
	const pause, idle = 150 * time.Millisecond, 2 * tick
	last := s.meters(t)
	for began := time.Now(); time.Since(began) < quietAtMost; {
		select {
		case <-ctx.Done():
			return last, context.Cause(ctx)
		case <-time.After(pause):
		}
		now := s.meters(t)
		if now.sum()-last.sum() <= idle {
			return now, nil
		}
		last = now
	}
	return last, nil
}
