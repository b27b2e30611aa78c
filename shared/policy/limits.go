package policy

import (
	"bytes"
	"encoding/hex"
	"net/netip"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"puente/shared/access"
	"puente/shared/contract"
	"puente/shared/problem"
	"puente/shared/ratelimit"
)

// clientLimit counts the call against the layered limits of the client's tier. With a lease
// it costs no call to Redis.
func (e *Edge) clientLimit(x *Exchange) {
	if x.mode(ClientLimit) == Off || x.Client == nil {
		x.next()
		return
	}
	contract, ok := x.Client.Contract(x.Route.API)
	if !ok || contract.Tier == nil {
		x.next()
		return
	}
	limits := tierLimits(contract.Tier, "client", "client:"+x.Client.ID+":"+x.Route.API)
	if e.count(x, ClientLimit, limits) {
		x.next()
	}
}

func tierLimits(tier *access.Tier, name, key string) []ratelimit.Limit {
	limits := make([]ratelimit.Limit, len(tier.Limits))
	for i, l := range tier.Limits {
		limits[i] = ratelimit.Limit{Name: name, Key: key, Requests: l.Requests, Window: l.Window}
	}
	return limits
}

// limits counts the call against the limits of its system and of the business subjects it
// names. Subjects are keyed by a hash.
func (e *Edge) limits(x *Exchange) {
	if x.mode(Limits) == Off {
		x.next()
		return
	}
	var limits []ratelimit.Limit
	if system, ok := x.Access.System(x.Principal.System); ok {
		for _, l := range system.Limits {
			limits = append(limits, ratelimit.Limit{Name: "system", Key: "system:" + system.Name + ":" + x.Route.API, Requests: l.Requests, Window: l.Window})
		}
	}
	for _, s := range x.subjects() {
		if value := x.subject(s.Member); len(value) > 0 {
			sum := e.Ring.MAC("subject", []byte(s.Name), value)
			limits = append(limits, ratelimit.Limit{Name: s.Name, Key: "subject:" + x.Route.API + ":" + hex.EncodeToString(sum[:16]), Requests: s.Requests, Window: s.Window})
		}
	}
	if len(limits) == 0 || e.count(x, Limits, limits) {
		x.next()
	}
}

// subject is what the body names at a path of members, or else the network of the caller.
func (x *Exchange) subject(member string) []byte {
	if member == "" {
		return []byte(network(x.peer))
	}
	return named(x.Body, member)
}

// network is an address as somebody is known by it: of IPv6 the 64 bits that a subscriber has at least.
func network(a netip.Addr) string {
	if !a.IsValid() || a.Is4() {
		return a.String()
	}
	return netip.PrefixFrom(a.WithZone(""), 64).Masked().String()
}

// subjects are the limits by what the body names: the configuration's, else the contract's.
func (x *Exchange) subjects() []contract.SubjectLimit {
	if configured := x.Settings.APIs[x.Route.API].Subjects; configured != nil {
		return configured
	}
	return x.Route.Operation.Subjects
}

// count takes one from each of limits, or from none. The headers show the limit that binds.
func (e *Edge) count(x *Exchange, policy string, limits []ratelimit.Limit) bool {
	decision := e.Limiter.Take(x.ctx, limits...)
	ratelimit.SetHeaders(x.Answer.Header, decision)
	if decision.Degraded {
		x.decide(policy, "local_share", "")
	}
	var err error
	if !decision.Allowed {
		x.limit = decision.Limit.Name
		err = &problem.Error{Kind: problem.Quota, RetryAfter: decision.RetryAfter, Detail: "The limit of " + decision.Limit.Name + " was reached"}
	}
	passed := x.judge(policy, err)
	if passed && !decision.Allowed {
		x.Answer.Header.Del("Retry-After") // in shadow nothing is to be tried again
	}
	return passed
}

// named is what a path of members, separated by dots, leads to in a canonical body; nil: nothing.
func named(body []byte, path string) []byte {
	for {
		first, rest, deeper := strings.Cut(path, ".")
		if body = member(body, first); !deeper || body == nil {
			return body
		}
		path = rest
	}
}

// member is the value of a top-level member of a canonical body, or nil: a string's text whatever
// its spelling, so that an escape makes no other subject of it, and anything else as it stands.
func member(body []byte, name string) []byte {
	dec := jsontext.NewDecoder(bytes.NewReader(body))
	if tok, err := dec.ReadToken(); err != nil || tok.Kind() != '{' {
		return nil
	}
	for dec.PeekKind() == '"' {
		key, err := dec.ReadToken()
		if err != nil {
			return nil
		}
		found := key.String() == name
		value, err := dec.ReadValue()
		if err != nil {
			return nil
		}
		if found && value.Kind() == '"' {
			text, err := jsontext.AppendUnquote(nil, value)
			if err != nil {
				return nil
			}
			return text
		}
		if found {
			return bytes.Clone(value)
		}
	}
	return nil
}
