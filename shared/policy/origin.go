package policy

import (
	"cmp"
	"strings"
	"time"

	"puente/shared/hop"
	"puente/shared/problem"
)

// Headers of the caller context of flat-bodied APIs.
const (
	SystemHeader  = "X-System-Name"
	ChannelHeader = "X-Channel"
)

// bogota is the zone of the documented correlation pattern.
var bogota = time.FixedZone("America/Bogota", -5*60*60)

// origin settles who calls: the system, its channel and the correlation, from the headers or
// from the envelope, which may not disagree; and holds the system against the client's bindings.
func (e *Edge) origin(x *Exchange) {
	h := x.Request.Header
	system, err1 := agreed("system", h.Get(SystemHeader), x.Header.System, strings.EqualFold)
	channel, err2 := agreed("channel", h.Get(ChannelHeader), x.Header.Channel, strings.EqualFold)
	correlation, err3 := agreed("correlationID", h.Get(hop.CorrelationHeader), x.Header.Correlation, func(a, b string) bool { return a == b })
	if wellFormed(correlation) {
		x.correlation = correlation // a refusal is found under it, too
	}
	for _, err := range []error{err1, err2, err3} {
		if err != nil && !x.judge(Origin, err) {
			return
		}
	}
	if correlation != "" && !wellFormed(correlation) {
		x.refusedBy = Origin
		x.Refuse(errCorrelation)
		return
	}
	if x.Route.Operation.Public {
		system, channel = "", "" // nobody vouches for them
	}
	x.Principal.System, x.Principal.Channel = system, channel
	if x.mode(Origin) != Off && !x.judge(Origin, x.bind()) {
		return
	}
	if correlation == "" {
		x.correlation = made(cmp.Or(x.Principal.System, x.Route.API), time.Now().In(bogota))
	}
	x.changed()
	x.next()
}

// agreed is the one value of a header and an envelope.
func agreed(field, header, enveloped string, same func(a, b string) bool) (string, error) {
	if header != "" && enveloped != "" && !same(header, enveloped) {
		return "", &problem.Error{Kind: problem.Invalid, Fields: []problem.Field{{Path: field, Rule: "must be the same in header and envelope"}}}
	}
	if header != "" {
		return header, nil
	}
	return enveloped, nil
}

// bind makes the principal's system the registered one, and checks that the system may call this
// API through this channel and that the client, where one was established, may speak for it. A client
// that is bound to no system, such as a partner's, names none where the contract says x-origin:
// optional; it has no channel either, for a channel is a system's.
func (x *Exchange) bind() error {
	if x.Principal.System == "" {
		bound := 0
		if x.Client != nil {
			bound = len(x.Client.Systems)
		}
		switch {
		case bound == 0 && x.Route.Operation.OriginOptional:
			x.Principal.Channel = ""
			return nil
		case bound != 1:
			return &problem.Error{Kind: problem.Invalid, Fields: []problem.Field{{Path: "header." + SystemHeader, Rule: "is required: the client speaks for several systems"}}}
		}
		x.Principal.System = x.Client.Systems[0]
	}
	system, ok := x.Access.System(x.Principal.System)
	if !ok {
		x.Principal.System = shown(x.Principal.System)
		return problem.Errorf(problem.Forbidden, "the system is not registered")
	}
	x.Principal.System = system.Name
	if x.Principal.Channel == "" {
		x.Principal.Channel = system.Channel
	}
	switch {
	case !system.Active || !system.Uses(x.Route.API):
		return problem.Errorf(problem.Forbidden, "the system is not active or not allowed for this API")
	case x.Client != nil && !x.Client.Bound(system.Name):
		return problem.Errorf(problem.Forbidden, "the client does not speak for the system")
	case !system.UsesThrough(x.Route.API, x.Principal.Channel):
		x.Principal.Channel = shown(x.Principal.Channel)
		return problem.Errorf(problem.Forbidden, "the channel is not one of the system's, or not for this API")
	}
	return nil
}

// shown bounds a name that nobody registered, for log and audit.
func shown(name string) string {
	if len(name) > 64 {
		name = name[:64]
	}
	return name
}
