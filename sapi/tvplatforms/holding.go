package tvplatforms

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"unicode/utf8"

	"puente/contracts/sapi/tvplatforms"
	"puente/shared/problem"
)

// What the contract has at most: of an item, characters, and items of a holding.
const (
	maxItem  = 64
	maxItems = 500
)

// Access tells which platforms of a technology can be asked. None of them is.
func (s *system) Access(_ context.Context, in tvplatforms.AccessQuery) (tvplatforms.Access, error) {
	var out tvplatforms.Access
	for _, p := range platforms {
		if _, ok := s.reached[address{in.Technology, p}]; ok {
			out.Platforms = append(out.Platforms, p)
		}
	}
	if len(out.Platforms) == 0 {
		return out, noAccess()
	}
	return out, nil
}

// Holding tells what a platform holds of an account, all of it or nothing.
func (s *system) Holding(ctx context.Context, in tvplatforms.HoldingQuery) (tvplatforms.Holding, error) {
	p, err := s.find(in.Technology, in.Platform)
	if err != nil {
		return tvplatforms.Holding{}, err
	}
	if in.Account == "" {
		return tvplatforms.Holding{}, invalid("account", "is required")
	}
	items, err := p.holding(ctx, in.Account)
	if errors.Is(err, problem.NotFound) {
		return tvplatforms.Holding{Items: []string{}}, nil // who is not known there has nothing there
	}
	if err != nil {
		return tvplatforms.Holding{}, fmt.Errorf("tvplatforms: query holding: %w", err)
	}
	if len(items) > maxItems {
		return tvplatforms.Holding{}, malformed(p.target, "more items than any subscriber has")
	}
	for _, item := range items {
		if item == "" || utf8.RuneCountInString(item) > maxItem {
			return tvplatforms.Holding{}, malformed(p.target, "an item of no or too long a name")
		}
	}
	return tvplatforms.Holding{Items: append([]string{}, items...)}, nil
}

// Change has a platform add items, then remove others: where it ends in between, the subscriber has too
// much rather than too little. The rules of the fields are checked again: a typed caller passes no
// contract check.
func (s *system) Change(ctx context.Context, in tvplatforms.Change) (tvplatforms.Changed, error) {
	p, err := s.find(in.Technology, in.Platform)
	if err != nil {
		return tvplatforms.Changed{}, err
	}
	if err := check(in); err != nil {
		return tvplatforms.Changed{}, err
	}
	if len(in.Add)+len(in.Remove) == 0 {
		return tvplatforms.Changed{}, nil
	}
	ctx, cancel := context.WithTimeout(ctx, p.timeout) // of all its calls
	defer cancel()
	err = p.change(ctx, in.Account, in.Add, in.Remove)
	if errors.Is(err, problem.NotFound) { // a name that leads elsewhere than to an item: see httpclient.JSON
		err = refused(p.target, "not a name")
	}
	if err != nil {
		return tvplatforms.Changed{}, fmt.Errorf("tvplatforms: change holding: %w", err)
	}
	return tvplatforms.Changed{}, nil
}

func check(in tvplatforms.Change) error {
	if in.Account == "" {
		return invalid("account", "is required")
	}
	for path, items := range map[string][]string{"add": in.Add, "remove": in.Remove} {
		if slices.Contains(items, "") {
			return invalid(path, "must hold no empty item")
		}
	}
	if in.Platform == tvplatforms.PlatformSubscribers && len(in.Add) != 1 && len(in.Add)+len(in.Remove) > 0 {
		return invalid("add", "must be the one new state")
	}
	if slices.ContainsFunc(in.Add, func(item string) bool { return slices.Contains(in.Remove, item) }) {
		return invalid("remove", "must hold nothing that is to be added")
	}
	return nil
}

func invalid(path, rule string) error {
	return &problem.Error{Kind: problem.Invalid, Fields: []problem.Field{{Path: path, Rule: rule}}}
}
