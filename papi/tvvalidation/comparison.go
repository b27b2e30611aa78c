package tvvalidation

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"puente/contracts/papi/tvvalidation"
	"puente/contracts/sapi/tvplatforms"
)

// The four things that are compared: places in what follows.
const (
	channels = iota
	services
	devices
	subscriber
	aspects // their number
)

// platforms hold them.
var platforms = [aspects]tvplatforms.Platform{
	tvplatforms.PlatformChannels, tvplatforms.PlatformServices, tvplatforms.PlatformDevices, tvplatforms.PlatformSubscribers,
}

// aspectNames are the values of the metrics' label check.
var aspectNames = [aspects]string{"channels", "services", "devices", "subscriber"}

// expectation is what the platforms are to have of an account, in their codes.
type expectation struct {
	account    string
	technology tvvalidation.Technology
	items      [aspects][]string
	hidden     [aspects][]string // codes of a platform that are left out of the comparison
}

// expect decodes a view, or tells what keeps it from being compared; err is what came with it.
func (p *process) expect(v view, err error) (expectation, error) {
	var missing gaps
	if g := (*gaps)(nil); errors.As(err, &g) {
		missing, v = *g, g.view
	} else if err != nil {
		return expectation{}, err
	}
	now := p.tables.Snapshot()
	e := expectation{account: v.account, technology: v.technology}
	channelTable := e.decode(channels, now, kindChannels, v.channels)
	serviceTable := e.decode(services, now, kindServices, v.services)
	e.items[devices], e.items[subscriber] = canonicalSet(v.devices), []string{v.subscriber}
	return e, missing.refusal(channelTable, serviceTable)
}

// decode fills in what the table makes of the inventory's codes.
func (e *expectation) decode(aspect int, now *tables, kind kind, codes []string) error {
	r, err := now.find(e.technology, kind)
	if err != nil {
		return err
	}
	if e.items[aspect], err = r.decode(codes); err != nil {
		return fmt.Errorf("table %s: %w", (&TVTable{Technology: e.technology, Kind: kind}).id(), err)
	}
	e.hidden[aspect] = r.Filters.Platform
	return nil
}

// decode is the set of the platform's codes for the inventory's.
func (r *rules) decode(codes []string) ([]string, error) {
	decoded := make([]string, 0, len(codes))
	for _, code := range codes {
		if slices.Contains(r.Filters.MSS, code) {
			continue
		}
		target, ok := r.Decodes[code]
		if !ok {
			return nil, fmt.Errorf("the inventory's %q is neither decoded nor filtered", code)
		}
		decoded = append(decoded, target)
	}
	return set(decoded), nil
}

var separators = strings.NewReplacer(":", "", "-", "", ".", "", " ", "")

// canonical is a MAC address without separators and case.
func canonical(mac string) string { return strings.ToUpper(separators.Replace(mac)) }

func canonicalSet(macs []string) []string {
	all := make([]string, len(macs))
	for i, mac := range macs {
		all[i] = canonical(mac)
	}
	return set(all)
}

// check is one platform held against the inventory.
type check struct {
	tvvalidation.Check
	held []string // as the platform spells it
}

// compare holds what a platform has against what it is to have.
func (e *expectation) compare(aspect int, askedAt time.Time, held []string, err error) check {
	c := check{Check: tvvalidation.Check{AskedAt: askedAt, Semaphore: tvvalidation.Yellow, Expected: slices.Clone(e.items[aspect]), Found: []string{}}}
	if err != nil {
		return c
	}
	c.held = held
	if aspect == devices {
		c.Found = canonicalSet(held)
	} else {
		c.Found = set(slices.DeleteFunc(slices.Clone(held), func(code string) bool { return slices.Contains(e.hidden[aspect], code) }))
	}
	if c.Semaphore = tvvalidation.Red; slices.Equal(c.Expected, c.Found) {
		c.Semaphore = tvvalidation.Green
	}
	return c
}

// checks are the comparisons of all four.
type checks [aspects]check

// all reports whether all four have the semaphore.
func (c *checks) all(semaphore tvvalidation.Semaphore) bool {
	return !slices.ContainsFunc(c[:], func(one check) bool { return one.Semaphore != semaphore })
}

// ask asks the four platforms at once until ctx ends. One that fails, or has not answered by then, costs
// the others nothing.
func (p *process) ask(ctx context.Context, e *expectation) (all checks) {
	var calls []func(context.Context) ([]string, error)
	var askedAt [aspects]time.Time
	for aspect, platform := range platforms {
		askedAt[aspect] = p.now()
		calls = append(calls, func(ctx context.Context) ([]string, error) {
			found, err := p.platforms.Holding(ctx, tvplatforms.HoldingQuery{
				Technology: tvplatforms.Technology(e.technology), Platform: platform, Account: e.account,
			})
			return found.Items, err
		})
	}
	for aspect, a := range atOnce(ctx, calls...) {
		if a.err != nil { // an attempt that failed is in the log of the system API, too
			p.log.DebugContext(ctx, "platform not asked", "platform", platforms[aspect], "technology", e.technology, "error", a.err)
		}
		all[aspect] = e.compare(aspect, askedAt[aspect], a.items, a.err)
		p.metrics.compared(e.technology, aspect, all[aspect].Semaphore)
	}
	return all
}
