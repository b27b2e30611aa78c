package tvvalidation

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"

	"github.com/maypok86/otter/v2"

	"puente/contracts/papi/tvvalidation"
	"puente/contracts/sapi/inventory"
	"puente/contracts/sapi/tvplatforms"
	"puente/shared/problem"
)

// technologies are those that carry television.
var technologies = []tvvalidation.Technology{tvvalidation.TechnologyFTTH, tvvalidation.TechnologyHFC, tvvalidation.TechnologyIPTV}

// view is what the inventory says of a connection, as it says it. Whoever has one may have it from the
// cache: nobody changes its lists, nor hands them out.
type view struct {
	account    string
	technology tvvalidation.Technology
	state      tvvalidation.ServiceState
	subscriber string // the state that the platforms are to have
	channels   []string
	services   []string
	devices    []string
}

// gaps are the parts of a view that could not be had: an error, with what there is of the view. Which of
// them the caller is told depends on the tables, too.
type gaps struct {
	view                                            view
	subscriber, channels, services, devices, access error
}

// Error is for the log.
func (g *gaps) Error() string { return g.all().Error() }

func (g *gaps) all() error {
	return errors.Join(g.subscriber, g.channels, g.services, g.devices, g.access)
}

// refusal is the first of g and of what is wrong with the tables, in the document's order; nil: nothing.
func (g *gaps) refusal(channelTable, serviceTable error) error {
	subscriber := tvvalidation.CodeInventoryFailed
	switch {
	case errors.Is(g.subscriber, problem.NotFound): // and so it will be
		return refused(tvvalidation.CodeInventoryRefused, "The account has no television", g.subscriber)
	case g.subscriber != nil && problem.Of(g.subscriber).Code == inventory.CodeRefused:
		subscriber = tvvalidation.CodeInventoryRefused
	}
	for _, part := range []struct {
		err          error
		code, detail string
	}{
		{g.subscriber, subscriber, "The inventory could not tell the subscriber"},
		{channelTable, tableCode(channelTable, tvvalidation.CodeChannelTable, tvvalidation.CodeChannelTableUnread), "The channels cannot be decoded"},
		{g.channels, tvvalidation.CodeChannels, "The inventory could not tell the channels"},
		{serviceTable, tableCode(serviceTable, tvvalidation.CodeServiceTable, tvvalidation.CodeServiceTableUnread), "The services cannot be decoded"},
		{g.services, tvvalidation.CodeServices, "The inventory could not tell the services"},
		{g.devices, tvvalidation.CodeDevices, "The inventory could not tell the devices"},
	} {
		if part.err != nil {
			return failed(part.code, part.detail, part.err)
		}
	}
	if errors.Is(g.access, errNoAccess) {
		return refused(tvvalidation.CodeNoAccess, "There is no access to the platforms", g.access)
	}
	if g.access != nil {
		return failed(tvvalidation.CodeNoAccess, "The access to the platforms could not be found out", g.access)
	}
	return nil
}

func tableCode(err error, wrong, unread string) string {
	if errors.Is(err, errUnread) {
		return unread
	}
	return wrong
}

// view asks the inventory, or remembers for a moment what it said. All who ask for a connection at once
// share the queries; what failed is asked for each time. The error is *gaps, or a refusal.
func (p *process) view(ctx context.Context, connection string) (view, error) {
	if p.cache == nil {
		return p.loadView(ctx, connection)
	}
	asked := false
	v, err := p.cache.Get(ctx, p.viewKey(connection), otter.LoaderFunc[[32]byte, view](func(ctx context.Context, _ [32]byte) (view, error) {
		asked = true
		return p.loadView(ctx, connection)
	}))
	p.metrics.viewed(asked)
	if errors.Is(err, context.DeadlineExceeded) && problem.Of(err).Code == "" { // whoever asked for all of us asks on
		var parts *gaps
		if !errors.As(err, &parts) {
			err = failed(tvvalidation.CodeAccount, "The account could not be found out", err)
		}
	}
	return v, err
}

// freshView asks the inventory, whatever is remembered, and has that remembered.
func (p *process) freshView(ctx context.Context, connection string) (view, error) {
	v, err := p.loadView(ctx, connection)
	if err == nil && p.cache != nil {
		p.cache.Set(p.viewKey(connection), v)
	}
	return v, err
}

func (p *process) viewKey(connection string) [32]byte {
	return p.ring.MAC("tvvalidation.view", []byte(connection))
}

// loadView asks what the connection is, and then for all parts at once.
func (p *process) loadView(ctx context.Context, connection string) (view, error) {
	service, err := p.inventory.Service(ctx, inventory.ServiceQuery{Connection: connection})
	switch {
	case errors.Is(err, problem.NotFound):
		return view{}, refused(tvvalidation.CodeNoService, "There is no such service", err)
	case err != nil:
		return view{}, failed(tvvalidation.CodeAccount, "The account could not be found out", fmt.Errorf("look up the service: %w", err))
	case service.State == inventory.StateWithdrawn:
		return view{}, refused(tvvalidation.CodeNoService, "There is no such service", errors.New("it was withdrawn"))
	case service.Account == "":
		return view{}, refused(tvvalidation.CodeAccount, "The service has no account", nil)
	}
	v := view{account: service.Account, technology: tvvalidation.Technology(service.Technology), state: tvvalidation.ServiceActive}
	if !slices.Contains(technologies, v.technology) {
		return view{}, refused(tvvalidation.CodeNoAccess, "The technology carries no television", fmt.Errorf("technology %s", service.Technology))
	}
	if service.State == inventory.StateSuspended {
		v.state = tvvalidation.ServiceSuspended
	}
	return p.loadParts(ctx, v)
}

// loadParts fills in what the inventory has of v's account, and asks for the access to its platforms.
func (p *process) loadParts(ctx context.Context, v view) (view, error) {
	account := inventory.AccountQuery{Account: v.account}
	parts := atOnce(ctx,
		func(ctx context.Context) ([]string, error) {
			found, err := p.inventory.TelevisionSubscriber(ctx, account)
			if err == nil && found.State == "" {
				err = problem.Errorf(problem.BadUpstream, "a subscriber without a state")
			}
			return []string{found.State}, err
		},
		func(ctx context.Context) ([]string, error) {
			found, err := p.inventory.TelevisionChannels(ctx, account)
			return found.Codes, err
		},
		func(ctx context.Context) ([]string, error) {
			found, err := p.inventory.TelevisionServices(ctx, account)
			return found.Codes, err
		},
		func(ctx context.Context) ([]string, error) {
			found, err := p.inventory.TelevisionDevices(ctx, account)
			return found.MACs, err
		},
		func(ctx context.Context) ([]string, error) {
			found, err := p.platforms.Access(ctx, tvplatforms.AccessQuery{Technology: tvplatforms.Technology(v.technology)})
			if e := problem.Of(err); e != nil && e.Code == tvplatforms.CodeNoAccess {
				err = fmt.Errorf("%w: %w", errNoAccess, err)
			}
			for _, platform := range platforms {
				if err == nil && !slices.Contains(found.Platforms, platform) {
					err = fmt.Errorf("%w: to %s of %s", errNoAccess, platform, v.technology)
				}
			}
			return nil, err
		})
	missing := gaps{
		subscriber: part("subscriber", parts[0].err), channels: part("channels", parts[1].err), services: part("services", parts[2].err),
		devices: part("devices", parts[3].err), access: part("access", parts[4].err),
	}
	if parts[0].err == nil {
		v.subscriber = parts[0].items[0]
	}
	v.channels, v.services, v.devices = parts[1].items, parts[2].items, parts[3].items
	if missing.view = v; missing.all() != nil {
		return view{}, &missing
	}
	return v, nil
}

func part(name string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("look up the %s: %w", name, err)
}

// answer is what one of several calls made at once came to.
type answer struct {
	items []string
	err   error
}

// atOnce makes the calls at once and returns their answers in the same order. It returns when ctx ends,
// also where a call does not: what that answers afterwards nobody reads.
func atOnce(ctx context.Context, calls ...func(context.Context) ([]string, error)) []answer {
	type numbered struct {
		answer
		number int
	}
	came := make(chan numbered, len(calls))
	for i, call := range calls {
		go func() {
			a := numbered{number: i}
			defer func() {
				if r := recover(); r != nil { // no request's recover stands above
					a.err = problem.Errorf(problem.Internal, "panic: %v\n%s", r, debug.Stack())
				}
				came <- a
			}()
			a.items, a.err = call(ctx)
		}()
	}
	answers := make([]answer, len(calls))
	for i := range answers {
		answers[i].err = errLate
	}
	for range calls {
		select {
		case a := <-came:
			answers[a.number] = a.answer
			continue
		case <-ctx.Done():
		}
		select { // what is there already counts
		case a := <-came:
			answers[a.number] = a.answer
		default:
			return answers
		}
	}
	return answers
}

// errLate is the error of a call that has not ended in time.
var errLate = problem.Errorf(problem.Timeout, "it did not answer in time")

// errNoAccess is the error of a technology whose platforms, or one of them, nobody can reach.
var errNoAccess = errors.New("there is no access")

// refused is a refusal by one of the document's codes: so it is with the line, and will be.
func refused(code, detail string, cause error) error {
	return coded(problem.Rejected, code, detail, cause)
}

// failed is one of the document's codes for what keeps the line from being compared, or changed, for now.
// Nothing was done: whoever asks again may be served, under the same correlation, too.
func failed(code, detail string, cause error) error {
	return coded(problem.Unavailable, code, detail, cause)
}

// coded is an error with one of the document's codes. The systems that gave rise to it stay in its trail.
func coded(kind problem.Kind, code, detail string, cause error) error {
	e := &problem.Error{Kind: kind, Code: code, Detail: detail, Err: cause}
	if cause != nil {
		e.Trail = problem.Of(cause).Trail
	}
	return e
}
