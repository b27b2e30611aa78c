package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"puente/contracts/papi/subscription"
)

// hubLoad is a partner's user of all that the hub does, and what it was told.
type hubLoad struct {
	t     testing.TB
	h     *hubPartner
	name  string
	flows *subscription.Client
	stop  <-chan struct{}

	charges []*hubWish
	open    []*hubWish
	lines   []*hubLine
}

// hubWish is a charge that is wanted, under its key, and what was told of it: its status, or empty.
type hubWish struct {
	key, msisdn, told, reason string
}

// hubLine is a number that was asked to be subscribed.
type hubLine struct {
	msisdn    string
	active    bool // was told to be
	cancelled bool // was told to be, or its SALIR was taken
}

// step does one thing.
func (l *hubLoad) step() {
	switch n := rand.IntN(10); {
	case n < 4:
		l.charge(l.next())
	case n < 7 || len(l.lines) == 0:
		l.subscribe()
	case n < 8:
		l.optOut()
	default:
		l.salir()
	}
}

// next is a wish that nobody told the end of, or a new one.
func (l *hubLoad) next() *hubWish {
	const many = 4
	if n := len(l.open); n > many || n > 0 && rand.IntN(2) == 0 {
		i := rand.IntN(len(l.open))
		w := l.open[i]
		l.open = slices.Delete(l.open, i, i+1)
		return w
	}
	w := &hubWish{key: fmt.Sprintf("%s-%d", l.name, len(l.charges)), msisdn: l.h.p.hub.line()}
	if n := rand.IntN(12); n < 3 {
		w.msisdn = l.h.p.hub.magic([]string{"1402", "1408", unavailable}[n])
	}
	l.charges = append(l.charges, w)
	return w
}

// unavailable is the end of numbers that the operator never charges and never declines.
const unavailable = "1503"

// charge asks once, and keeps the wish where nobody knows its end.
func (l *hubLoad) charge(w *hubWish) {
	a, err := l.h.try(l.t, "charge", l.h.order(w.msisdn, nil), "Idempotency-Key", w.key)
	if err != nil {
		l.open = append(l.open, w)
		<-time.After(30 * time.Millisecond) // until the process is there again
		return
	}
	status, reason := hubStatus(a), a.header.Get("X-Hub-Reason")
	switch {
	case status == "0", reason == "INSUFFICIENT_BALANCE":
		l.told(w, status, reason)
	case reason == "OUTCOME_UNKNOWN" && a.header.Get("Idempotent-Replayed") == "true":
		l.told(w, status, reason) // the process's own word
	case status == "-1" && strings.HasSuffix(w.msisdn, unavailable): // and whenever it comes again
	case status == "-1": // the same request may come again
		l.open = append(l.open, w)
		<-time.After(30 * time.Millisecond)
	default:
		l.t.Errorf("refused: %d %s %s", a.status, a.body, reason)
	}
}

// hubStatus is the status of an answer; a process that starts has no dialect yet.
func hubStatus(a answer) string {
	var said struct{ Status string }
	if err := json.Unmarshal([]byte(a.body), &said); err != nil && a.status == http.StatusServiceUnavailable {
		return "-1"
	}
	return said.Status
}

// told keeps what was told of a wish, which is always the same.
func (l *hubLoad) told(w *hubWish, status, reason string) {
	if w.told != "" && (w.told != status || w.reason != reason) {
		l.t.Errorf("%s was told %s %s, and then %s %s", w.key, w.told, w.reason, status, reason)
	}
	w.told, w.reason = status, reason
}

// subscribe begins a flow for a number and goes to its end, if it is let.
func (l *hubLoad) subscribe() {
	line := &hubLine{msisdn: l.h.p.hub.line()}
	flow, err := l.h.start(l.flows, line.msisdn)
	if err != nil {
		<-time.After(30 * time.Millisecond)
		return
	}
	pin := ""
	for range 40 {
		if pin = l.h.p.pin(line.msisdn, 0); pin != "" {
			break
		}
		select {
		case <-l.stop:
			return
		case <-time.After(50 * time.Millisecond):
		}
	}
	if pin == "" { // on its way still: the visitor leaves
		return
	}
	l.lines = append(l.lines, line)
	for range 3 { // the visitor clicks again
		done, err := l.h.confirm(l.flows, flow, pin)
		if err == nil {
			line.active = done.State == subscription.EnrolmentActive
			return
		}
		<-time.After(30 * time.Millisecond)
	}
}

// any is one of the lines, which is not told to be cancelled.
func (l *hubLoad) any() *hubLine {
	open := slices.DeleteFunc(slices.Clone(l.lines), func(line *hubLine) bool { return line.cancelled })
	if len(open) == 0 {
		return l.lines[rand.IntN(len(l.lines))]
	}
	return open[rand.IntN(len(open))]
}

// optOut has the partner end one.
func (l *hubLoad) optOut() {
	line := l.any()
	a, err := l.h.try(l.t, "suboptout", l.h.optOut(line.msisdn, nil))
	if err != nil {
		<-time.After(30 * time.Millisecond)
		return
	}
	switch status := hubStatus(a); {
	case status == "0":
		line.cancelled = true
	case status == "15" && a.header.Get("X-Hub-Reason") == "NEVER_SUBSCRIBED" && !line.active:
	case status == "-1":
		<-time.After(30 * time.Millisecond)
	default:
		l.t.Errorf("opt-out of %+v: %d %s %s", line, a.status, a.body, a.header.Get("X-Hub-Reason"))
	}
}

// salir has a phone write SALIR; the gateway delivers it until it is taken.
func (l *hubLoad) salir() {
	line := l.any()
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	mo, err := l.h.p.sandbox.SMSC.Send(ctx, line.msisdn, l.h.shortCode, "SALIR")
	if err == nil && len(mo.Statuses) > 0 && mo.Statuses[0]/100 == 2 && line.active {
		line.cancelled = true
	}
}

// again asks for all charges again, until nobody says that it is not known: all were told what they are told now.
func (l *hubLoad) again() {
	for _, w := range l.charges {
		if strings.HasSuffix(w.msisdn, unavailable) {
			continue
		}
		eventually(l.t, within, "the end of "+w.key+" is told", func() bool {
			l.open = nil
			l.charge(w)
			return len(l.open) == 0
		})
	}
}

// check holds what was told against the ledger and the subscriptions.
func (l *hubLoad) check(b *hubBooks) {
	for _, w := range l.charges {
		if kept, want := b.kept[w.msisdn], map[string]int64{"0": hubPrice}[w.told]; kept != want {
			l.t.Errorf("%+v was charged %d, want %d", w, kept, want)
		}
	}
	for _, line := range l.lines {
		if line.cancelled && b.open[line.msisdn] > 0 {
			l.t.Errorf("%+v is subscribed", line)
		}
	}
}
