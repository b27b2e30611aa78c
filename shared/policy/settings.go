package policy

import (
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"

	"puente/shared/contract"
	"puente/shared/problem"
)

// Mode is how far a policy goes.
type Mode string

// The modes. A policy in shadow decides, counts and records what it would have refused, and lets
// the request pass.
const (
	Off     Mode = "off"
	Shadow  Mode = "shadow"
	Enforce Mode = "enforce"
)

// Names of the policies that have a mode, in the order of the chain.
const (
	Transport   = "transport"
	Shed        = "shed"
	Address     = "address"
	Token       = "token"
	Client      = "client"
	ClientLimit = "clientLimit"
	Body        = "body"
	Origin      = problem.ByOrigin
	Limits      = "limits"
	Switch      = problem.BySwitch
	Idempotency = problem.ByIdempotency
)

var names = []string{Transport, Shed, Address, Token, Client, ClientLimit, Body, Origin, Limits, Switch, Idempotency}

// Settings is section policies: what the policies do, for every API and for some. It is replaced
// whole by a reload.
type Settings struct {
	Modes          map[string]Mode   `yaml:"modes"`          // by policy; default enforce
	TrustedProxies []string          `yaml:"trustedProxies"` // address prefixes whose X-Forwarded-For counts; default none
	Allow          []string          `yaml:"allow"`          // address prefixes; empty: all
	Deny           []string          `yaml:"deny"`
	Token          TokenRules        `yaml:"token"`
	Answers        AnswerRules       `yaml:"answers"`
	APIs           map[string]APIset `yaml:"apis"`

	trusted, allow, deny []netip.Prefix
}

// TokenRules says how access tokens are verified.
type TokenRules struct {
	Method   string        `yaml:"method"`   // jwt or introspection
	Audience string        `yaml:"audience"` // that a token must name
	Cache    time.Duration `yaml:"cache"`    // how long a good verdict counts, at most 60 s and the token's life
	Refused  time.Duration `yaml:"refused"`  // how long a bad one counts
	Entries  int           `yaml:"entries"`  // verdicts remembered
}

// APIset holds what differs for one API.
type APIset struct {
	Modes    map[string]Mode         `yaml:"modes"`
	Method   string                  `yaml:"method"` // of verifying tokens
	Allow    []string                `yaml:"allow"`
	Deny     []string                `yaml:"deny"`
	Subjects []contract.SubjectLimit `yaml:"subjects"` // nil: those of the contract

	allow, deny []netip.Prefix
}

// Defaults are the settings of a configuration that says nothing.
func Defaults() Settings {
	return Settings{Token: TokenRules{Method: "jwt", Cache: time.Minute, Refused: 5 * time.Second, Entries: 100_000}, Answers: AnswerRules{Sample: 0.01}}
}

// Validate joins all that is wrong and prepares the prefixes.
func (s *Settings) Validate() error {
	var errs []error
	errs = append(errs, modes("modes", s.Modes), s.lawful("modes", "", s.Modes))
	errs = append(errs, prefixes("trustedProxies", s.TrustedProxies, &s.trusted))
	errs = append(errs, prefixes("allow", s.Allow, &s.allow), prefixes("deny", s.Deny, &s.deny))
	errs = append(errs, method("token.method", s.Token.Method))
	if s.Token.Cache < 0 || s.Token.Cache > time.Minute {
		errs = append(errs, errors.New("token.cache: must be between 0s and 60s"))
	}
	if s.Token.Refused < 0 {
		errs = append(errs, errors.New("token.refused: must not be negative"))
	}
	if s.Token.Entries < 1 {
		errs = append(errs, errors.New("token.entries: must be at least 1"))
	}
	if !(s.Answers.Sample >= 0 && s.Answers.Sample <= 1) {
		errs = append(errs, errors.New("answers.sample: must be between 0 and 1"))
	}
	for _, api := range slices.Sorted(maps.Keys(s.APIs)) {
		set, at := s.APIs[api], "apis."+api+"."
		errs = append(errs, modes(at+"modes", set.Modes), s.lawful(at+"modes", api, set.Modes))
		errs = append(errs, prefixes(at+"allow", set.Allow, &set.allow), prefixes(at+"deny", set.Deny, &set.deny))
		if set.Method != "" {
			errs = append(errs, method(at+"method", set.Method))
		}
		for i, l := range set.Subjects {
			if l.Name == "" || l.Requests < 1 || l.Window <= 0 {
				errs = append(errs, fmt.Errorf("%ssubjects[%d]: name, requests and window are required, and member unless the limit is by address", at, i))
			}
		}
		s.APIs[api] = set
	}
	return errors.Join(errs...)
}

func method(at, m string) error {
	if m != "jwt" && m != "introspection" {
		return fmt.Errorf("%s: must be jwt or introspection", at)
	}
	return nil
}

func modes(at string, set map[string]Mode) error {
	var errs []error
	for _, name := range slices.Sorted(maps.Keys(set)) {
		if !slices.Contains(names, name) {
			errs = append(errs, fmt.Errorf("%s.%s: no such policy; there are %s", at, name, strings.Join(names, ", ")))
		}
		if m := set[name]; m != Off && m != Shadow && m != Enforce {
			errs = append(errs, fmt.Errorf("%s.%s: must be off, shadow or enforce", at, name))
		} else if name == Idempotency && m == Shadow {
			errs = append(errs, fmt.Errorf("%s.%s: must be off or enforce: an answer is replayed or it is not", at, name))
		}
	}
	return errors.Join(errs...)
}

// lawful refuses modes under which an API, or with "" any that has none of its own, could never be
// called: without a token that counts nobody is known, and client, which knows whom to refuse, would
// refuse them all. In shadow the token would let pass what client then refuses, which is no shadow.
func (s *Settings) lawful(at, api string, own map[string]Mode) error {
	_, token := own[Token]
	_, client := own[Client]
	switch {
	case s.Mode(api, Client) != Enforce || s.Mode(api, Token) == Enforce || !token && !client:
		return nil
	case token:
		return fmt.Errorf("%s.%s: must be enforce while client is: who has no token that counts holds no contract", at, Token)
	}
	return fmt.Errorf("%s.%s: must not be enforce while token is not: who has no token that counts holds no contract", at, Client)
}

func prefixes(at string, texts []string, to *[]netip.Prefix) error {
	var errs []error
	*to = nil
	for i, text := range texts {
		p, err := netip.ParsePrefix(text)
		if a, e := netip.ParseAddr(text); err != nil && e == nil {
			p, err = netip.PrefixFrom(a, a.BitLen()), nil
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("%s[%d]: must be an address or a prefix", at, i))
			continue
		}
		*to = append(*to, p.Masked())
	}
	return errors.Join(errs...)
}

// Mode is that of a policy for an API.
func (s *Settings) Mode(api, policy string) Mode {
	if m, ok := s.APIs[api].Modes[policy]; ok {
		return m
	}
	if m, ok := s.Modes[policy]; ok {
		return m
	}
	return Enforce
}

// Method is how an API's tokens are verified.
func (s *Settings) Method(api string) string {
	if m := s.APIs[api].Method; m != "" {
		return m
	}
	return s.Token.Method
}

func contains(list []netip.Prefix, a netip.Addr) bool {
	return slices.ContainsFunc(list, func(p netip.Prefix) bool { return p.Contains(a) })
}
