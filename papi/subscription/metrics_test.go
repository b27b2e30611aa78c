package subscription

import "testing"

// gauge is what a process shows when it is asked.
func (w *world) gauge(t *testing.T, name string) float64 {
	t.Helper()
	families, err := w.registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == name {
			return f.GetMetric()[0].GetGauge().GetValue()
		}
	}
	t.Fatalf("no %s", name)
	return 0
}

// What is wrong shows when it is asked for, in every process: nobody need have measured it.
func TestChargesThatDoNotAddUpAreCounted(t *testing.T) {
	w := newWorld(t)
	gauge := func(name string) float64 {
		t.Helper()
		return w.gauge(t, name)
	}
	want := func(different, unresolved float64) {
		t.Helper()
		if got := gauge("subscription_charges_different"); got != different {
			t.Errorf("%v charges do not add up, want %v", got, different)
		}
		if got := gauge("subscription_charges_unresolved"); got != unresolved {
			t.Errorf("%v charges are unresolved, want %v", got, unresolved)
		}
	}
	first, second := trusted(), trusted()
	first.Key, second.Key = "compra-1", "compra-2"
	if _, err := w.Charge(as(t, "socio"), first); err != nil {
		t.Fatal(err)
	}
	want(0, 0)
	w.operator.next = []deed{breaks}
	w.operator.unheard = true
	_, _ = w.Charge(short(t, as(t, "socio")), second) // nobody knows
	want(0, 1)
	if age := gauge("subscription_charges_unresolved_age_seconds"); age <= 0 {
		t.Errorf("the oldest is %v s old", age)
	}
	w.operator.settle()
	w.resolve(t)
	want(0, 0)
	for _, s := range []string{
		"update subscription.charges set notice_id = null where id = (select min(id) from subscription.charges)",
		"update subscription.charges set notice_id = gen_random_uuid(), refund_by = 'hub' where id = (select max(id) from subscription.charges)",
	} {
		if _, err := w.db.Exec(t.Context(), s); err != nil {
			t.Fatal(err)
		}
	}
	want(2, 0)
}

// An age is that of the attempt that nobody knows the end of: a charge that was declined days ago, and is tried again
// just now, is not days late.
func TestUnresolvedIsAsOldAsItsAttempt(t *testing.T) {
	w := newWorld(t)
	w.operator.next, w.operator.unheard = []deed{hangs}, true
	_, _ = w.Charge(short(t, as(t, "socio")), trusted()) // nobody knows
	age := func(opened string) float64 {
		t.Helper()
		if _, err := w.db.Exec(t.Context(), "update subscription.charges set created_at = now() - interval '2 days', opened_at = now() - $1::interval", opened); err != nil {
			t.Fatal(err)
		}
		return w.gauge(t, "subscription_charges_unresolved_age_seconds")
	}
	if got := age("10 seconds"); got < 10 || got > 3600 {
		t.Errorf("tried again just now: %v s", got)
	}
	if got := age("1 day"); got < 86400 {
		t.Errorf("tried yesterday: %v s", got)
	}
}

// A refund that the operator does not make shows for as long as the user is owed it, whoever decided it.
func TestRefundsNotMadeAreCounted(t *testing.T) {
	w := newWorld(t)
	if _, err := w.Charge(as(t, "socio"), trusted()); err != nil {
		t.Fatal(err)
	}
	want := func(open float64) {
		t.Helper()
		if got := w.gauge(t, "subscription_refunds_open"); got != open {
			t.Errorf("%v refunds are open, want %v", got, open)
		}
	}
	want(0)
	var id int64
	if err := w.db.QueryRow(t.Context(), "update subscription.charges set ended_at = now() - interval '30 days' returning id").Scan(&id); err != nil {
		t.Fatal(err)
	}
	if ok, err := w.charging.Refund(t.Context(), id, "the customer asked"); err != nil || !ok {
		t.Fatalf("%v %v", ok, err)
	}
	w.operator.unheard = true
	if err := w.charging.Resolve(t.Context()); err == nil {
		t.Error("nobody hears that a refund was not made")
	}
	want(1)
	if _, err := w.db.Exec(t.Context(), "update subscription.charges set refund_asked_at = now() - interval '1 hour'"); err != nil {
		t.Fatal(err)
	}
	if age := w.gauge(t, "subscription_refunds_open_age_seconds"); age < 3600 || age > 86400 {
		t.Errorf("asked for an hour ago: %v s", age)
	}
	w.operator.settle()
	w.resolve(t)
	want(0)
}
