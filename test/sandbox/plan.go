package sandbox

import (
	"encoding/json"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"puente/test/sandbox/fault"
)

// ActiveFault is a fault that is set, and what it has met so far.
type ActiveFault struct {
	fault.Fault
	Since   time.Time
	Calls   int // of its operations since it was set
	Strikes int // how many of these it hit
}

// MarshalJSON adds the counts to the fault's own members.
func (a ActiveFault) MarshalJSON() ([]byte, error) {
	f, err := json.Marshal(a.Fault)
	if err != nil {
		return nil, err
	}
	counts, err := json.Marshal(struct {
		Since   time.Time `json:"since"`
		Calls   int       `json:"calls"`
		Strikes int       `json:"strikes"`
	}{a.Since, a.Calls, a.Strikes})
	if err != nil {
		return nil, err
	}
	return slices.Concat(f[:len(f)-1], []byte(","), counts[1:]), nil
}

// plan is the faults that are set.
type plan struct {
	mu     sync.Mutex
	active []*ActiveFault // in the order in which they were set
}

func newPlan() *plan { return &plan{} }

func (p *plan) set(f fault.Fault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.active = append(p.active, &ActiveFault{Fault: f, Since: time.Now()})
}

// strike is the fault that hits this call of an operation: the first set that wants to.
func (p *plan) strike(system, operation string) (fault.Fault, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, a := range p.active {
		if a.System != system || a.Operation != "" && a.Operation != operation {
			continue
		}
		strikes := a.Fault.Strikes(time.Since(a.Since), a.Calls, a.Strikes, rand.Float64())
		a.Calls++
		if strikes {
			a.Strikes++
			return a.Fault, true
		}
	}
	return fault.Fault{}, false
}

func (p *plan) list() []ActiveFault {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := make([]ActiveFault, len(p.active))
	for i, a := range p.active {
		all[i] = *a
	}
	return all
}

func (p *plan) clear(system string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.active = slices.DeleteFunc(p.active, func(a *ActiveFault) bool { return system == "" || a.System == system })
}
