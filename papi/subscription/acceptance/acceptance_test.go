package acceptance

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

func seedRows(t *testing.T) []Row {
	t.Helper()
	rows, err := Seed()
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

// What the document's table has, specification §14.
func TestTheSeedsTable(t *testing.T) {
	rows := seedRows(t)
	var percents, full, shares []int
	for i, r := range rows {
		percents = append(percents, r.SeedPercent())
		shares = append(shares, Total(rows).Share(r))
		if r.ApplicablePercent() == 100 {
			full = append(full, i+1)
		}
		if r.Status != Delivered {
			t.Errorf("row %d is %s", i+1, r.Status)
		}
	}
	if want := []int{88, 75, 88, 63, 88, 50, 38, 38, 75, 88, 13, 0, 38}; !slices.Equal(percents, want) {
		t.Errorf("percentages %v", percents)
	}
	if want := []int{1, 3, 5}; !slices.Equal(full, want) {
		t.Errorf("100 of what applies: rows %v", full)
	}
	if want := []int{6, 0, 5, 17, 18, 3, 9, 15, 15, 3, 0, 8, 1}; !slices.Equal(shares, want) {
		t.Errorf("shares %v", shares)
	}
	if got := Total(rows); got != (Totals{Products: 145, Subscriptions: 776_331}) {
		t.Errorf("totals %v", got)
	}
	if r := rows[9]; r.Cells[SubscriptionOneshot].State != OKProv || r.Cells[SubscriptionLPRedirect].State != NOK || r.Delivery != "20-sep" || r.Integration != "20-sep" || r.Name != "convenio integral" {
		t.Errorf("row 10: %+v", r)
	}
}

func TestAnotherTableIsRefused(t *testing.T) {
	for _, test := range []struct{ old, new, want string }{
		{"88%", "87%", "row 1: percent: "},
		{"OK Prov", "Bien", `row 1: subscription.NotifSub: state: must be one of ["NOK" "n.a." "OK" "OK Prov"]`},
		{"47.114\t6%", "47.114\t7%", "row 1: share: "},
		{"ENTREGADO", "PERDIDO", "row 1: status: "},
		{"47.114", "muchas", "row 1: subscriptions: "},
		{"\t6\t", "\t6\t6\t", "row 1: must have 18 columns"},
	} {
		if _, err := parseSeed(strings.Replace(seed, test.old, test.new, 1)); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s for %s: %v", test.new, test.old, err)
		}
	}
}

func TestPercentages(t *testing.T) {
	for _, test := range []struct {
		proved, ok, na   int
		seed, applicable int
	}{
		{8, 0, 0, 100, 100}, {7, 0, 1, 88, 100}, {7, 1, 0, 88, 88}, {0, 8, 0, 0, 0}, {0, 0, 8, 0, 100}, {5, 0, 0, 63, 63}, {3, 0, 2, 38, 50}, {1, 0, 1, 13, 14},
	} {
		var r Row
		for i := range r.Cells {
			switch {
			case i < test.proved:
				r.Cells[i].State = OKProv
			case i < test.proved+test.ok:
				r.Cells[i].State = OK
			case i < test.proved+test.ok+test.na:
				r.Cells[i].State = NotApplicable
			}
		}
		if r.SeedPercent() != test.seed || r.ApplicablePercent() != test.applicable {
			t.Errorf("%+v: %d, %d", test, r.SeedPercent(), r.ApplicablePercent())
		}
	}
	if got := (Totals{}).Share(Row{}); got != 0 {
		t.Errorf("a share of nothing is %d", got)
	}
}

func proved() Row {
	r := Row{E2E: "OK"}
	for i := range r.Cells {
		r.Cells[i].State = OKProv
	}
	r.Cells[SubscriptionOneshot].State = NotApplicable
	return r
}

func TestGate(t *testing.T) {
	if err := proved().Gate(); err != nil {
		t.Error(err)
	}
	for want, change := range map[string]func(*Row){
		"renewal.SendMT is OK, not OK Prov":                               func(r *Row) { r.Cells[RenewalSendMT].State = OK },
		"subscription.LPRedirect is NOK; cancellation.NotifCancel is NOK": func(r *Row) { r.Cells[SubscriptionLPRedirect], r.Cells[CancellationNotifCancel] = Cell{}, Cell{} },
		"the end-to-end tests have not passed":                            func(r *Row) { r.E2E = "02-may" },
		"waiver: must have who, why and when":                             func(r *Row) { r.E2E, r.Waiver = "", &Waiver{By: " ", Reason: "launch", At: time.Unix(1, 0)} },
		"no check applies":                                                func(r *Row) { *r = RollUp("", nil); r.E2E = "OK" },
	} {
		r := proved()
		change(&r)
		if err := r.Gate(); err == nil || err.Error() != want {
			t.Errorf("%s: %v", want, err)
		}
		r.Waiver = &Waiver{By: "ops", Reason: "launch on Friday", At: time.Unix(1, 0)}
		if err := r.Gate(); err != nil {
			t.Errorf("%s, waived: %v", want, err)
		}
	}
}

func TestEvidenceExpires(t *testing.T) {
	at := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	never := time.Time{}
	for name, test := range map[string]struct {
		state   State
		after   time.Duration
		changed time.Time
		want    State
	}{
		"young":                         {OKProv, time.Hour, never, OKProv},
		"at the end":                    {OKProv, Validity, never, OKProv},
		"over":                          {OKProv, Validity + 1, never, NOK},
		"over, ours":                    {OK, Validity + 1, never, NOK},
		"the URL was changed":           {OKProv, time.Hour, at.Add(1), NOK},
		"it was changed before":         {OKProv, time.Hour, at, OKProv},
		"what does not apply stays out": {NotApplicable, 2 * Validity, at.Add(1), NotApplicable},
	} {
		if got := (Cell{State: test.state, At: at}).AsOf(at.Add(test.after), test.changed, Validity); got.State != test.want || !got.At.Equal(at) {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestRollUp(t *testing.T) {
	a, b := proved(), proved()
	a.PartnerID, a.Environment, a.Status, a.Products, a.Subscriptions = 52272, "PROD", Delivered, 1, 10
	b.PartnerID, b.Environment, b.Status, b.Products, b.Subscriptions = 52272, "STAGING", InProgress, 2, 5
	b.Cells[SubscriptionOneshot].State, b.Cells[RenewalSendMT].State, b.E2E = OK, NOK, "02-may"
	got := RollUp("partner", []Row{a, b})
	if got.PartnerID != 52272 || got.Environment != "" || got.Status != InProgress || got.E2E != "" || got.Products != 3 || got.Subscriptions != 15 ||
		got.Cells[SubscriptionOneshot].State != OK || got.Cells[RenewalSendMT].State != NOK || got.Cells[RenewalNotifCobro].State != OKProv {
		t.Errorf("%+v", got)
	}
	if one := RollUp(a.Name, []Row{a}); !reflect.DeepEqual(one, a) {
		t.Errorf("one row alone became %+v", one)
	}
}
