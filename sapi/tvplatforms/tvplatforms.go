// Package tvplatforms wraps the operator's television platforms: for each technology one that holds the
// subscriber, one each for additional channels, additional services and set-top boxes. Every technology
// has a vendor and a dialect of its own: see ftth.go, hfc.go and iptv.go.
//
// Each platform is called through a client of its own, with deadline, bulkhead, circuit breakers and
// metrics: one that is slow or dead costs nobody who asks another. What a platform is told may be told
// again (set, add where it is not, remove where it is), so that a change is retried as a read is.
package tvplatforms

import (
	"context"
	"strings"
	"time"

	"puente/contracts/sapi/tvplatforms"
	"puente/shared/httpclient"
	"puente/shared/problem"
	"puente/shared/server"
)

// API is the declaration that the layer lists.
var API = server.API{Contract: &tvplatforms.Contract, Mount: mount}

// platforms are those of every technology, in the order in which they are told.
var platforms = []tvplatforms.Platform{
	tvplatforms.PlatformSubscribers, tvplatforms.PlatformChannels, tvplatforms.PlatformServices, tvplatforms.PlatformDevices,
}

// dialects make an adapter for one of a technology's platforms.
var dialects = map[tvplatforms.Technology]func(*httpclient.Client, string, tvplatforms.Platform) adapter{
	tvplatforms.TechnologyFTTH: newFTTH, tvplatforms.TechnologyHFC: newHFC, tvplatforms.TechnologyIPTV: newIPTV,
}

// adapter speaks to one platform in its dialect.
type adapter interface {
	// holding lists what the platform has of an account, unchecked; NotFound where it does not know it.
	holding(ctx context.Context, account string) ([]string, error)
	// change adds items and removes others, at least one; of subscribers, add is the one new state.
	change(ctx context.Context, account string, add, remove []string) error
}

// system is all platforms that there are means of access to.
type system struct {
	reached map[address]platform
}

type address struct {
	technology tvplatforms.Technology
	platform   tvplatforms.Platform
}

// platform is one that can be asked.
type platform struct {
	adapter
	target  string        // its name in metrics, logs and the trail of errors
	timeout time.Duration // of a change, which may take several calls
}

// newSystem reaches what cfg has an address of, by clients that dial makes.
func newSystem(cfg *Config, dial func(target string, access *Access, c httpclient.Config) *httpclient.Client) *system {
	s := &system{reached: map[address]platform{}}
	for technology, access := range cfg.technologies() {
		for _, p := range platforms {
			c := access.of(p)
			if c.URL == "" {
				continue
			}
			target := strings.ToLower(string(technology) + "_" + string(p))
			s.reached[address{technology, p}] = platform{dialects[technology](dial(target, access, c), target, p), target, c.Timeout}
		}
	}
	return s
}

func mount(env *server.Env) error {
	cfg := defaults()
	if err := env.Config(&cfg); err != nil {
		return err
	}
	s := newSystem(&cfg, func(target string, access *Access, c httpclient.Config) *httpclient.Client {
		return env.ExternalWith(target, c, httpclient.Bearer(access.Token))
	})
	server.Handle(env, tvplatforms.QueryAccess, s.Access)
	server.Handle(env, tvplatforms.QueryHolding, s.Holding)
	server.Handle(env, tvplatforms.ChangeHolding, s.Change)
	return nil
}

// find is the platform that a caller means.
func (s *system) find(technology tvplatforms.Technology, p tvplatforms.Platform) (platform, error) {
	found, ok := s.reached[address{technology, p}]
	if !ok {
		return platform{}, noAccess()
	}
	return found, nil
}

func noAccess() error {
	return &problem.Error{
		Kind: problem.NotFound, Code: tvplatforms.CodeNoAccess, Detail: "There are no means of access to the platforms of this technology",
	}
}

// malformed is the error of an answer that is JSON and not what the platform promises.
func malformed(target, what string) error {
	return problem.Errorf(problem.BadUpstream, "%s: the answer has %s", target, what).Caused(target)
}

// refused is the error of a change that the platform does not do. what is the platform's text, for the
// log alone.
func refused(target, what string) error {
	e := problem.Errorf(problem.Rejected, "%s refused: %s", target, what)
	e.Code, e.Detail = tvplatforms.CodeRefused, "The television platform does not make this change"
	return e.Caused(target)
}
