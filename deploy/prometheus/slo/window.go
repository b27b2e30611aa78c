package slo

import (
	"fmt"
	"time"

	"github.com/prometheus/common/model"
)

// window is a span of time that a ratio is taken over. Its name is in the names of metrics; it stays where a
// drill makes the span shorter.
type window struct {
	name string
	span time.Duration
}

var (
	minutes5  = window{"5m", 5 * time.Minute} // what all others are summed from
	minutes30 = window{"30m", 30 * time.Minute}
	hour      = window{"1h", time.Hour}
	hours2    = window{"2h", 2 * time.Hour}
	hours6    = window{"6h", 6 * time.Hour}
	day       = window{"1d", 24 * time.Hour}
	days3     = window{"3d", 3 * 24 * time.Hour}
	days30    = window{"30d", 30 * 24 * time.Hour} // of the budget
)

// minutes35 is minutes30, and some evaluations.
const minutes35 = 35 * time.Minute

// burn is a pair of windows in both of which errors must come at rate times what the budget allows: the long
// one makes it matter, the short one ends the alert once it is over.
type burn struct {
	rate        float64
	long, short window
}

var (
	pages   = []burn{{14.4, hour, minutes5}, {6, hours6, minutes30}}
	tickets = []burn{{3, day, hours2}, {1, days3, hours6}}
)

// The intervals at which rules are evaluated. The long windows move slowly and cost more.
const (
	often  = 30 * time.Second
	seldom = 2 * time.Minute // less than the 5 min after which Prometheus forgets a sample
)

// MaxScale is the most by which windows may be divided: the shortest is 10 s then, two scrapes of 5 s.
const MaxScale = 30

// scaled writes d, divided, as Prometheus does.
func (o Options) scaled(d time.Duration) string {
	return model.Duration(d / time.Duration(o.WindowScale)).String()
}

// Validate says what is wrong.
func (o Options) Validate() error {
	if o.WindowScale < 1 || o.WindowScale > MaxScale {
		return fmt.Errorf("window scale: must be between 1 and %d", MaxScale)
	}
	return nil
}
