package catalogue

import (
	"slices"
	"strconv"
	"time"

	"puente/shared/problem"
)

const (
	minute = time.Minute
	hour   = time.Hour
)

// rules collects what is wrong with a document.
type rules []problem.Field

func (r *rules) must(holds bool, path, rule string) {
	if !holds {
		*r = append(*r, problem.Field{Path: path, Rule: rule})
	}
}

func (r *rules) text(path, s string) {
	r.must(s != "" && len(s) <= 100, path, "must have 1 to 100 bytes")
}

func (r *rules) id(path, s string) {
	_, ok := identifier(s)
	r.must(ok, path, "must be a positive number")
}

func (r *rules) status(path string, s Status) {
	r.must(s == StatusActive || s == StatusSuspended, path, "must be active or suspended")
}

// offer is status of what may also be withdrawn.
func (r *rules) offer(path string, s Status) {
	r.must(s == StatusActive || s == StatusSuspended || s == StatusWithdrawn, path, "must be active, suspended or withdrawn")
}

func (r rules) err() error {
	if len(r) == 0 {
		return nil
	}
	return &problem.Error{Kind: problem.Invalid, Fields: r}
}

// identifier reads the id of a partner, service or product.
func identifier(s string) (int64, bool) {
	n, err := strconv.ParseInt(s, 10, 64)
	return n, err == nil && n > 0 && n <= maxID && strconv.FormatInt(n, 10) == s
}

func subset(of []string, all ...string) bool {
	return len(of) > 0 && !slices.ContainsFunc(of, func(s string) bool { return !slices.Contains(all, s) })
}

// or is v, or otherwise where it is zero.
func or[T comparable](v, otherwise T) T {
	var zero T
	if v == zero {
		return otherwise
	}
	return v
}

// Identify wants the id to be a number.
func (*PartnerSpec) Identify(id string) error { return numbered(id) }

// Identify wants the id to be a number.
func (*ServiceSpec) Identify(id string) error { return numbered(id) }

// Identify wants the id to be a number.
func (*ProductSpec) Identify(id string) error { return numbered(id) }

func numbered(id string) error {
	var r rules
	r.id("id", id)
	return r.err()
}
