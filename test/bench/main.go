// Command bench tells what a governed request costs: the CPU of our processes per request, as a
// ratio to net/http/httputil.ReverseProxy forwarding the same body in the same round. Both go to
// the same backend, which answers at once.
//
//	make bench                               all shapes, 5 rounds of 3 s
//	make bench ARGS='-quick'                 a first look, in less than a minute
//	make bench ARGS='-shapes typed -profile' one shape, and CPU profiles of it
//	make bench ARGS='-rows reconexion -delay 20ms -c 4'
//	                                         what a reconnection adds to slow backends
//	make bench ARGS='-rows late-write,fan-out,uncached'
//	                                         what a television validation adds to four slow platforms
//
// The load is a closed loop on keep-alive connections: figures for overload come from elsewhere.
// Everything runs on loopback, as children of this program, and ends with it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"
)

// options are the flags.
type options struct {
	binary      string
	rows        []string
	shapes      []string
	rounds      int
	duration    time.Duration // of each run
	warmUp      time.Duration // before the first round, for each row and shape
	connections int
	delay       time.Duration // of each backend call
	profile     bool
	results     string // directory
}

// roles are what this program plays as a child of itself.
var roles = map[string]func(context.Context, []string) error{"stub": playStub, "proxy": playProxy, "calls": playCalls, "load": playLoad}

func main() {
	runtime.LockOSThread() // the kernel ends children with the thread that started them: it must be one that stays
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	var err error
	if role := roleOf(os.Args); role != nil {
		err = role(ctx, os.Args[2:])
	} else {
		err = bench(ctx, os.Args[1:])
	}
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "bench:", err)
		stop()
		os.Exit(1)
	}
}

func roleOf(args []string) func(context.Context, []string) error {
	if len(args) < 2 {
		return nil
	}
	return roles[args[1]]
}

func parse(args []string) (options, error) {
	var o options
	var rows, shapes string
	var quick bool
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	f.StringVar(&o.binary, "binary", "bin/puente", "the program under test")
	f.StringVar(&rows, "rows", strings.Join(rowNames, ","), "what is asked")
	f.StringVar(&shapes, "shapes", strings.Join(shapeNames, ","), "how the layers are placed")
	f.IntVar(&o.rounds, "rounds", 5, "rounds, each through all shapes and rows")
	f.DurationVar(&o.duration, "duration", 3*time.Second, "of each run")
	f.DurationVar(&o.warmUp, "warmup", time.Second, "of each row and shape before the first round")
	f.IntVar(&o.connections, "c", 32, "connections; the rows that wait have at least 64")
	f.DurationVar(&o.delay, "delay", 0, "of each answer of a backend; see the last lines of the report")
	f.BoolVar(&quick, "quick", false, "2 rounds of 1 s")
	f.BoolVar(&o.profile, "profile", false, "afterwards write CPU and allocation profiles of each process, row and shape")
	f.StringVar(&o.results, "results", "test/bench/results", "directory of the results")
	if err := f.Parse(args); err != nil {
		return o, err
	}
	if quick {
		o.rounds, o.duration, o.warmUp = 2, time.Second, 500*time.Millisecond
	}
	var errs []error
	if f.NArg() > 0 {
		errs = append(errs, fmt.Errorf("unexpected argument %q", f.Arg(0)))
	}
	if o.rounds < 1 || o.duration < 100*time.Millisecond || o.warmUp < 0 || o.connections < 1 || o.delay < 0 {
		errs = append(errs, errors.New("rounds, duration and c must be positive, duration at least 100ms"))
	}
	var err1, err2 error
	o.rows, err1 = chosen("-rows", rows, rowNames)
	o.shapes, err2 = chosen("-shapes", shapes, shapeNames)
	return o, errors.Join(append(errs, err1, err2)...)
}

// chosen are the names of a list, in the order of all.
func chosen(name, list string, all []string) ([]string, error) {
	asked := strings.Split(list, ",")
	for _, a := range asked {
		if !slices.Contains(all, a) {
			return nil, fmt.Errorf("%s: %q is none of %s", name, a, strings.Join(all, ", "))
		}
	}
	return slices.DeleteFunc(slices.Clone(all), func(s string) bool { return !slices.Contains(asked, s) }), nil
}

// bench sets everything up, measures and reports. Whatever happens, nothing is left running.
func bench(ctx context.Context, args []string) (err error) {
	o, err := parse(args)
	if err != nil {
		return err
	}
	if _, err := os.Stat(o.binary); err != nil {
		return fmt.Errorf("%w: run make build", err)
	}
	ctx, cancel := context.WithTimeoutCause(ctx, o.bound(), errors.New("the run took longer than it may"))
	defer cancel()
	site, err := newSite(ctx, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, site.close()) }()
	targets, err := site.build(ctx, o)
	if err != nil {
		return site.explain(err)
	}
	samples, err := site.measure(ctx, o, targets)
	if err != nil {
		return site.explain(err)
	}
	report := newReport(ctx, o, site, samples)
	report.print(os.Stdout)
	if err := complain(os.Stdout, targets.shapes); err != nil {
		return err
	}
	if err := report.save(o.results); err != nil {
		return err
	}
	if !o.profile {
		return nil
	}
	return site.explain(site.profile(ctx, o, targets.shapes))
}

// bound is the longest that a run with these options may take.
func (o options) bound() time.Duration {
	runs := len(o.shapes) * (2 + len(o.rows))
	each := o.duration + quietAtMost + time.Second
	bound := 2*time.Minute + time.Duration(runs*(o.rounds+2))*each
	if o.profile {
		bound += time.Duration(runs) * 2 * profiled
	}
	return bound
}
