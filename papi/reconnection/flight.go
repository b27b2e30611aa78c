package reconnection

import (
	"context"
	"runtime/debug"
	"time"

	"puente/contracts/papi/reconnection"
	"puente/shared/problem"
)

// flight is a suspension in work in this process, for all who ask for it meanwhile.
type flight struct {
	end  time.Time     // of its time to call systems
	done chan struct{} // closed when out and err are there
	out  reconnection.Outcome
	err  error
}

// once decides d, together with all who ask for it at the moment. A caller that goes away does not
// take the order with it: the attempt ends within its own time, and its outcome is written down.
func (p *process) once(ctx context.Context, b budget, d demand) (reconnection.Outcome, error) {
	wait, cancel := context.WithDeadline(ctx, b.answer)
	defer cancel()
	for {
		if err := wait.Err(); err != nil {
			return reconnection.Outcome{}, technical("begin", err)
		}
		f, mine := p.board(ctx, b, d)
		select {
		case <-f.done:
		case <-wait.Done():
			return reconnection.Outcome{}, technical("wait for the outcome", wait.Err())
		}
		if more := b.calls.Sub(f.end); mine || f.err == nil || more < time.Second || problem.Of(f.err).Kind != problem.Timeout {
			return f.out, f.err
		} // it ran out of another caller's time, not of ours
	}
}

// board joins the flight of d, or begins it.
func (p *process) board(ctx context.Context, b budget, d demand) (f *flight, mine bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if f := p.flights[d.id]; f != nil {
		return f, false
	}
	f = &flight{end: b.calls, done: make(chan struct{})}
	p.flights[d.id] = f
	go p.fly(context.WithoutCancel(ctx), d, f)
	return f, true
}

func (p *process) fly(ctx context.Context, d demand, f *flight) {
	ctx, cancel := context.WithDeadline(ctx, f.end)
	defer cancel()
	defer func() {
		if r := recover(); r != nil { // no request's recover stands above
			f.err = problem.Errorf(problem.Internal, "panic: %v\n%s", r, debug.Stack())
		}
		p.mu.Lock()
		delete(p.flights, d.id)
		p.mu.Unlock()
		close(f.done)
	}()
	f.out, f.err = p.decide(ctx, d)
}
