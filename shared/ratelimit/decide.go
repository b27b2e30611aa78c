package ratelimit

// decide admits by this replica's own count, against its share of each limit.
func (h held) decide(now int64, replicas int) Decision {
	standings := make([]Standing, len(h.limits))
	refused := false
	for i, w := range h.windows {
		quota := share(h.limits[i].Requests, replicas)
		standings[i] = Standing{
			Limit: h.limits[i], Refused: w.total >= quota,
			Remaining: max(quota-w.total, 0), Reset: w.reset(now),
		}
		refused = refused || standings[i].Refused
	}
	if refused {
		return newDecision(standings)
	}
	for i, w := range h.windows {
		w.add(now, false)
		standings[i].Remaining--
		standings[i].Reset = w.reset(now)
	}
	return newDecision(standings)
}

// share is what one of replicas may admit of a limit alone: all shares together never exceed it,
// but that each replica may admit one of a limit smaller than their number.
func share(requests, replicas int) int {
	if requests <= 0 {
		return 0
	}
	return max(requests/replicas, 1)
}

// newDecision is what standings amount to.
func newDecision(standings []Standing) Decision {
	b := &standings[0]
	for i := range standings {
		s := &standings[i]
		if s.Refused && s.Reset == 0 { // a limit of nothing
			s.Reset = s.Limit.Window
		}
		switch {
		case s.Refused && (!b.Refused || s.Reset > b.Reset),
			!s.Refused && !b.Refused && s.Remaining < b.Remaining:
			b = s
		}
	}
	d := Decision{Allowed: !b.Refused, Limit: b.Limit, Remaining: b.Remaining, Reset: b.Reset, PerLimit: standings}
	if b.Refused {
		d.RetryAfter = b.Reset
	}
	return d
}
