package shed_test

import (
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"puente/shared/shed"
)

func TestClassesDoNotTakeEachOthersPlaces(t *testing.T) {
	s := shed.New(shed.Config{InFlight: map[string]int{"api": 2, "webhook": 1}}, nil, prometheus.NewRegistry())
	first, ok1 := s.Acquire("api")
	_, ok2 := s.Acquire("api")
	if _, ok3 := s.Acquire("api"); !ok1 || !ok2 || ok3 {
		t.Fatalf("three of two places: %v %v %v", ok1, ok2, ok3)
	}
	if _, ok := s.Acquire("webhook"); !ok {
		t.Error("webhooks found their place taken")
	}
	if _, ok := s.Acquire("health"); !ok {
		t.Error("health was refused")
	}
	first.Done()
	if _, ok := s.Acquire("api"); !ok {
		t.Error("a place that was given back was not given out")
	}
}

func TestPlacesAreExactUnderConcurrency(t *testing.T) {
	s := shed.New(shed.Config{InFlight: map[string]int{"api": 10}}, nil, prometheus.NewRegistry())
	var held, most atomic.Int64
	var all sync.WaitGroup
	for range 200 {
		all.Go(func() {
			for range 100 {
				place, ok := s.Acquire("api")
				if !ok {
					continue
				}
				n := held.Add(1)
				for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
				}
				held.Add(-1)
				place.Done()
			}
		})
	}
	all.Wait()
	if most.Load() > 10 || most.Load() == 0 {
		t.Errorf("%d in flight at once", most.Load())
	}
}

func TestMemoryPressureRefusesAndEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var used atomic.Uint64
		s := shed.New(shed.Config{}, func() (uint64, uint64) { return used.Load(), 100 }, prometheus.NewRegistry())
		for _, step := range []struct {
			used uint64
			ok   bool
		}{{50, true}, {91, false}, {89, true}} {
			used.Store(step.used)
			time.Sleep(200 * time.Millisecond)
			if _, ok := s.Acquire("api"); ok != step.ok {
				t.Errorf("at %d of 100: %v", step.used, ok)
			}
		}
	})
}

func TestConfigKnowsItsClasses(t *testing.T) {
	if err := (shed.Config{InFlight: map[string]int{"api": 1, "webhook": 1}}).Validate(); err != nil {
		t.Error(err)
	}
	err := shed.Config{InFlight: map[string]int{"apis": 10}}.Validate()
	if err == nil || !strings.Contains(err.Error(), "inFlight.apis: no such class") {
		t.Errorf("a class that does not exist: %v", err)
	}
}
