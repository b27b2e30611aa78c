// Package shed refuses work early that would only wait: each class of requests has a number of
// places in flight that no other class can take, and above a memory watermark nothing new is
// begun. A refusal costs two atomic operations.
package shed

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Config is section shed.
type Config struct {
	InFlight  map[string]int `yaml:"inFlight"`  // places by class (api, webhook); default 1024 each
	Watermark float64        `yaml:"watermark"` // share of the memory limit that may be in use, garbage apart, before nothing is begun; default 0.9
}

// Validate joins all that is wrong.
func (c Config) Validate() error {
	var errs []error
	for _, class := range slices.Sorted(maps.Keys(c.InFlight)) {
		if !slices.Contains(classes, class) {
			errs = append(errs, fmt.Errorf("inFlight.%s: no such class; there are %s", class, strings.Join(classes, ", ")))
		}
		if c.InFlight[class] < 1 {
			errs = append(errs, fmt.Errorf("inFlight.%s: must be at least 1", class))
		}
	}
	if c.Watermark < 0 || c.Watermark > 1 {
		errs = append(errs, errors.New("watermark: must be between 0 and 1"))
	}
	return errors.Join(errs...)
}

const (
	defaultInFlight  = 1024
	defaultWatermark = 0.9
)

// Memory tells how much is used of how much, in bytes; a limit of 0 is none. Tests give their own.
type Memory func() (used, limit uint64)

// Shedder gives out places.
type Shedder struct {
	classes   map[string]*class
	memory    Memory
	watermark float64
	looked    atomic.Int64 // Unix nanoseconds of the last look at the memory
	pressed   atomic.Bool
}

type class struct {
	limit    int64
	inFlight atomic.Int64
	full     prometheus.Counter
	pressed  prometheus.Counter
}

// classes are all there are.
var classes = []string{"api", "webhook"}

// New makes a shedder; a nil memory is that of this process.
func New(cfg Config, memory Memory, reg prometheus.Registerer) *Shedder {
	if memory == nil {
		memory = processMemory
	}
	s := &Shedder{classes: make(map[string]*class), memory: memory, watermark: cfg.Watermark}
	if s.watermark == 0 {
		s.watermark = defaultWatermark
	}
	total := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "shed_total", Help: "Requests refused early, by class and reason (full, memory)."}, []string{"class", "reason"})
	reg.MustRegister(total, prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "shed_memory_watermark_ratio", Help: "Memory in use as a share of the watermark above which nothing is begun; 0 without a limit.",
	}, func() float64 {
		used, limit := s.memory()
		if limit == 0 {
			return 0
		}
		return float64(used) / (s.watermark * float64(limit))
	}))
	add := func(name string, limit int) {
		c := &class{limit: int64(limit), full: total.WithLabelValues(name, "full"), pressed: total.WithLabelValues(name, "memory")}
		s.classes[name] = c
		reg.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "shed_in_flight", Help: "Requests in flight, by class.", ConstLabels: prometheus.Labels{"class": name},
		}, func() float64 { return float64(c.inFlight.Load()) }), prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "shed_places", Help: "Requests that may be in flight at once, by class.", ConstLabels: prometheus.Labels{"class": name},
		}, func() float64 { return float64(limit) }))
	}
	for _, name := range classes {
		limit, ok := cfg.InFlight[name]
		if !ok {
			limit = defaultInFlight
		}
		add(name, limit)
	}
	return s
}

// Acquire takes a place of a class. Who gets one gives it back by release; a name that is
// no class has places without end.
func (s *Shedder) Acquire(name string) (release Release, ok bool) {
	c := s.classes[name]
	if c == nil {
		return Release{}, true
	}
	if s.pressure(time.Now().UnixNano()) {
		c.pressed.Inc()
		return Release{}, false
	}
	if c.inFlight.Add(1) > c.limit {
		c.inFlight.Add(-1)
		c.full.Inc()
		return Release{}, false
	}
	return Release{c}, true
}

// Release gives a place back, once.
type Release struct{ class *class }

// Done gives the place back.
func (r Release) Done() {
	if r.class != nil {
		r.class.inFlight.Add(-1)
	}
}

// lookEvery bounds the cost of looking at the memory.
const lookEvery = 100 * time.Millisecond

func (s *Shedder) pressure(now int64) bool {
	last := s.looked.Load()
	if now-last >= int64(lookEvery) && s.looked.CompareAndSwap(last, now) {
		used, limit := s.memory()
		s.pressed.Store(limit > 0 && float64(used) > s.watermark*float64(limit))
	}
	return s.pressed.Load()
}
