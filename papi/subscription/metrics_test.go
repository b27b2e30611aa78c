package subscription

import "testing"

// What is wrong shows when it is asked for, in every process: nobody need have measured it.
func TestChargesThatDoNotAddUpAreCounted(t *testing.T) {
	w := newWorld(t)
	gauge := func(name string) float64 {
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
