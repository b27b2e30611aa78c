package tvvalidation

import (
	"slices"

	"puente/contracts/papi/tvvalidation"
	"puente/contracts/sapi/tvplatforms"
)

// corrections are n's, in the order of the aspects.
func corrections(n *tvvalidation.Normalization) [aspects]*tvvalidation.Correction {
	return [aspects]*tvvalidation.Correction{&n.Channels, &n.Services, &n.Devices, &n.Subscriber}
}

// actions are what makes a platform have what it is to have.
func (c *check) actions(aspect int) []tvvalidation.Action {
	actions := []tvvalidation.Action{}
	if c.Semaphore != tvvalidation.Red {
		return actions
	}
	add := func(kind tvvalidation.ActionKind, items []string) {
		for _, item := range items {
			actions = append(actions, tvvalidation.Action{Kind: kind, Item: item, State: tvvalidation.ActionPlanned})
		}
	}
	if aspect == subscriber {
		add(tvvalidation.ActionSet, c.Expected)
		return actions
	}
	add(tvvalidation.ActionAdd, less(c.Expected, c.Found))
	add(tvvalidation.ActionRemove, less(c.Found, c.Expected))
	return actions
}

// less is a without what is in b.
func less(a, b []string) []string {
	return slices.DeleteFunc(slices.Clone(a), func(item string) bool { return slices.Contains(b, item) })
}

// change is what a platform whose check is RED is told. What it is to remove it is told in its own
// notation.
func (e *expectation) change(aspect int, c *check) tvplatforms.Change {
	change := tvplatforms.Change{Technology: tvplatforms.Technology(e.technology), Platform: platforms[aspect], Account: e.account, Add: []string{}, Remove: []string{}}
	for _, action := range c.actions(aspect) {
		switch action.Kind {
		case tvvalidation.ActionAdd:
			change.Add = append(change.Add, action.Item)
		case tvvalidation.ActionRemove:
			change.Remove = append(change.Remove, c.spelled(aspect, action.Item)...)
		case tvvalidation.ActionSet:
			change.Add, change.Remove = []string{action.Item}, slices.Clone(c.Found)
		}
	}
	return change
}

// spelled is an item as the platform has it: a box may be there in several notations.
func (c *check) spelled(aspect int, item string) []string {
	if aspect != devices {
		return []string{item}
	}
	return slices.DeleteFunc(set(c.held), func(mac string) bool { return canonical(mac) != item })
}

// extend adds actions that are not among those of a correction yet.
func extend(c *tvvalidation.Correction, actions []tvvalidation.Action) {
	for _, action := range actions {
		if !slices.ContainsFunc(c.Actions, func(a tvvalidation.Action) bool { return a.Kind == action.Kind && a.Item == action.Item }) {
			c.Actions = append(c.Actions, action)
		}
	}
}

// conclude ends a correction with the comparison that was made afterwards.
func conclude(c *tvvalidation.Correction, after check) {
	c.After = &after.Check
	for i := range c.Actions {
		c.Actions[i].State = seen(c.Actions[i], after)
	}
}

// seen is what a comparison says of an action.
func seen(a tvvalidation.Action, after check) tvvalidation.ActionState {
	there := slices.Contains(after.Found, a.Item)
	switch {
	case after.Semaphore == tvvalidation.Yellow:
		return tvvalidation.ActionUnknown
	case a.Kind == tvvalidation.ActionSet && there && len(after.Found) == 1,
		a.Kind == tvvalidation.ActionAdd && there,
		a.Kind == tvvalidation.ActionRemove && !there:
		return tvvalidation.ActionDone
	}
	return tvvalidation.ActionFailed
}

// The outcomes of normalizations in the metrics, beside the codes of refusals.
const (
	outcomeNoop      = "noop"
	outcomeCorrected = "corrected"
	outcomePartial   = "partial"
	outcomePlanned   = "planned"
	outcomeTechnical = "technical"
)

// outcome is what became of n.
func outcome(n *tvvalidation.Normalization) string {
	if n.State == tvvalidation.NormalizationPlanned {
		return outcomePlanned
	}
	all := outcomeNoop
	for _, c := range corrections(n) {
		if c.Before.Semaphore != tvvalidation.Red {
			continue
		}
		if c.After == nil || c.After.Semaphore != tvvalidation.Green {
			return outcomePartial
		}
		all = outcomeCorrected
	}
	return all
}
