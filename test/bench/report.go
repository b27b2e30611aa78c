package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// goals are the ratios that one process may cost.
var goals = map[string]float64{rowRead: 1.4, rowWrite: 2.2}

// report is what a run found.
type report struct {
	Time        time.Time `json:"time"`
	Version     string    `json:"version"`
	Go          string    `json:"go"`
	CPUs        int       `json:"cpus"`
	Redis       bool      `json:"redis"`
	Connections int       `json:"connections"`
	Rounds      int       `json:"rounds"`
	Duration    string    `json:"duration"`
	Delay       string    `json:"delay"`    // of each answer of a backend
	Chain       float64   `json:"chain_ms"` // of the backend calls of a reconnection, by themselves
	Lines       []line    `json:"lines"`
	Samples     []sample  `json:"samples"`
}

// line sums up the samples of a row on a shape.
type line struct {
	Row      string  `json:"row"`
	Shape    string  `json:"shape"`
	CPU      spread  `json:"cpu_us"`
	Ratio    spread  `json:"ratio"`
	Goal     float64 `json:"goal,omitempty"`
	Rate     spread  `json:"requests_per_second"`
	P50      spread  `json:"p50_ms"`
	P99      spread  `json:"p99_ms"`
	Postgres spread  `json:"postgres_us"`
	Redis    spread  `json:"redis_us"`
	Answer   int     `json:"answer_bytes"`
}

// spread is the median of some values, and how far they lie apart.
type spread struct {
	Median float64 `json:"median"`
	Min    float64 `json:"min"`
	Max    float64 `json:"max"`
}

func spreadOf(samples []sample, value func(sample) float64) spread {
	values := make([]float64, len(samples))
	for i, s := range samples {
		values[i] = value(s)
	}
	slices.Sort(values)
	n := len(values)
	return spread{Median: (values[(n-1)/2] + values[n/2]) / 2, Min: values[0], Max: values[n-1]}
}

func newReport(ctx context.Context, o options, s *site, samples []sample) *report {
	version, err := exec.CommandContext(ctx, o.binary, "version").Output()
	if err != nil {
		version = []byte("unknown")
	}
	return &report{
		Time: time.Now().UTC().Truncate(time.Second), Version: strings.TrimSpace(string(version)), Go: runtime.Version(), CPUs: runtime.NumCPU(),
		Redis: s.redis != nil, Connections: o.connections, Rounds: o.rounds, Duration: o.duration.String(),
		Delay: o.delay.String(), Chain: s.chain.Seconds() * 1000,
		Lines: linesOf(samples), Samples: samples,
	}
}

// linesOf sums up samples: the baseline, then row by row.
func linesOf(samples []sample) []line {
	var lines []line
	for _, row := range append([]string{rowForward, rowCalls}, rowNames...) {
		for _, shape := range append([]string{shapeProxy, shapeCalls}, shapeNames...) {
			of := slices.DeleteFunc(slices.Clone(samples), func(s sample) bool { return s.Row != row || s.Shape != shape })
			if len(of) == 0 {
				continue
			}
			l := line{
				Row: row, Shape: shape, Answer: of[0].Answer,
				CPU:      spreadOf(of, func(s sample) float64 { return s.CPU }),
				Ratio:    spreadOf(of, func(s sample) float64 { return s.Ratio }),
				Rate:     spreadOf(of, func(s sample) float64 { return s.Rate }),
				P50:      spreadOf(of, func(s sample) float64 { return s.P50.Seconds() * 1000 }),
				P99:      spreadOf(of, func(s sample) float64 { return s.P99.Seconds() * 1000 }),
				Postgres: spreadOf(of, func(s sample) float64 { return s.Postgres }),
				Redis:    spreadOf(of, func(s sample) float64 { return s.Redis }),
			}
			if shape == shapeTyped {
				l.Goal = goals[row]
			}
			lines = append(lines, l)
		}
	}
	return lines
}

// print writes the table.
func (r *report) print(w io.Writer) {
	redis := "redis-server"
	if !r.Redis {
		redis = "no redis-server on this machine: limits counted in process"
	}
	fmt.Fprintf(w, "\n%s, %s, %d CPUs, %d connections, %d rounds of %s, %d B in, %s\n\n",
		r.Version, r.Go, r.CPUs, r.Connections, r.Rounds, r.Duration, bodyBytes, redis)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(t, "row\tshape\tCPU µs/request\tratio\tmin–max\tgoal\trequests/s\tp50 ms\tp99 ms\tout B\tPostgreSQL µs\tRedis µs\t")
	for _, l := range r.Lines {
		goal, postgres, redis := "", "", ""
		if l.Goal > 0 {
			goal = fmt.Sprintf("≤ %.2f", l.Goal)
		}
		if l.Shape != shapeProxy && l.Shape != shapeCalls {
			postgres, redis = fmt.Sprintf("%.1f", l.Postgres.Median), fmt.Sprintf("%.1f", l.Redis.Median)
		}
		fmt.Fprintf(t, "%s\t%s\t%.1f\t%.2f\t%.2f–%.2f\t%s\t%.0f\t%.1f\t%.1f\t%d\t%s\t%s\t\n", l.Row, l.Shape, l.CPU.Median,
			l.Ratio.Median, l.Ratio.Min, l.Ratio.Max, goal, l.Rate.Median, l.P50.Median, l.P99.Median, l.Answer, postgres, redis)
	}
	_ = t.Flush() // w is the terminal
	r.printChain(w)
	r.printFanOut(w)
	fmt.Fprintln(w, "\nshapes: proxy is httputil.ReverseProxy, calls makes the four calls of fanning out by net/http; typed one process, http one process with --hops http, layers three processes."+
		"\nPostgreSQL and Redis are beside the CPU of our processes, not in it. No answer was other than a success.")
}

// printChain tells what a reconnection adds to the backend calls that it cannot do without.
func (r *report) printChain(w io.Writer) {
	for _, l := range r.Lines {
		if l.Row == rowReconexion {
			fmt.Fprintf(w, "\n%s, %s: p50 is %.2f ms over its chain of backend calls (service, holder, order; each %s late), which alone takes %.2f ms",
				l.Row, l.Shape, l.P50.Median-r.Chain, r.Delay, r.Chain)
		}
	}
}

// complain writes what the processes under test had to complain of, a line each and how many more.
func complain(w io.Writer, shapes []*target) error {
	for _, t := range shapes {
		for _, i := range t.platform.processes {
			lines, err := i.complaints()
			if err != nil {
				return err
			}
			if len(lines) > 0 {
				fmt.Fprintf(w, "%s logged %d warnings or errors, first: %.500s\n", i.name, len(lines), lines[0])
			}
		}
	}
	return nil
}

// save writes the report and all samples as JSON.
func (r *report) save(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	name := filepath.Join(dir, r.Time.Format("20060102-150405")+".json")
	fmt.Println("results:", name)
	return os.WriteFile(name, append(text, '\n'), 0o644)
}
