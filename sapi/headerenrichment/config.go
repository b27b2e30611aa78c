package headerenrichment

import (
	"errors"
	"fmt"
	"net/netip"
	"regexp"
	"strings"

	"puente/shared/phone"
)

// Config is section sapi.headerenrichment. Without operators no request is trusted.
type Config struct {
	Edges     []netip.Prefix `yaml:"edges"`     // our own balancers and proxies, which say who called them
	Operators []Operator     `yaml:"operators"` // whose proxies put numbers into requests
}

// Operator is one whose proxies put numbers into requests, and how.
type Operator struct {
	Name     string         `yaml:"name"`     // as the line directory has it: ENTEL
	Country  phone.Country  `yaml:"country"`  // CL or PE: whose numbers they are
	Networks []netip.Prefix `yaml:"networks"` // where its proxies are, and nothing else
	Headers  []string       `yaml:"headers"`  // in which the number stands; X-MSISDN, X-UP-CALLING-LINE-ID, …
	Decoder  Decoder        `yaml:"decoder"`  // plain, unless given
}

var (
	operatorName = regexp.MustCompile(`^[A-Z0-9_-]{1,32}$`)
	headerName   = regexp.MustCompile("^[!#$%&'*+.^_`|~0-9A-Za-z-]+$") // a token of RFC 9110 §5.6.2
)

// Validate joins all that is wrong. Networks must be apart from each other, for else it would depend on
// their order whose a request is; and from the edges, for else who calls an edge would pass for it.
func (c *Config) Validate() error {
	var errs []error
	taken := map[netip.Prefix]string{}
	take := func(at string, networks []netip.Prefix) {
		for _, p := range networks {
			switch {
			case !p.IsValid() || p.Bits() == 0:
				errs = append(errs, fmt.Errorf("%s: a network of all addresses is none", at))
			case p.Addr().Is4In6():
				errs = append(errs, fmt.Errorf("%s: %s must be written as IPv4", at, p))
			case p != p.Masked():
				errs = append(errs, fmt.Errorf("%s: %s is an address in a network: write %s", at, p, p.Masked()))
			}
			for other, owner := range taken {
				if p.IsValid() && p.Overlaps(other) {
					errs = append(errs, fmt.Errorf("%s: %s overlaps %s of %s", at, p, other, owner))
				}
			}
		}
		for _, p := range networks {
			if p.IsValid() {
				taken[p] = at
			}
		}
	}
	take("edges", c.Edges)
	names := map[string]bool{}
	for i, o := range c.Operators {
		at := fmt.Sprintf("operators[%d]", i)
		if err := o.validate(); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", at, err))
		}
		if names[o.Name] {
			errs = append(errs, fmt.Errorf("%s: name: %s is there twice", at, o.Name))
		}
		names[o.Name] = true
		take(at+".networks", o.Networks)
	}
	return errors.Join(errs...)
}

func (o *Operator) validate() error {
	var errs []error
	check := func(ok bool, what string) {
		if !ok {
			errs = append(errs, errors.New(what))
		}
	}
	check(operatorName.MatchString(o.Name), "name: must be 1 to 32 of A-Z, 0-9, _ and -")
	check(o.Country != "", "country: is required")
	check(len(o.Networks) > 0, "networks: is required")
	check(len(o.Headers) > 0, "headers: is required")
	for _, name := range o.Headers {
		check(headerName.MatchString(name), "headers: must be names of headers")
		check(!strings.EqualFold(name, "X-Forwarded-For"), "headers: X-Forwarded-For holds no number")
	}
	return errors.Join(errs...)
}
