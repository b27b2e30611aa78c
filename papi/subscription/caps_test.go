package subscription

import (
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"puente/contracts/papi/subscription"
)

func TestInvariant22SpendCapsHoldAcrossProducts(t *testing.T) {
	w := newWorld(t)
	spent := 0
	for i := range 40 {
		in := trusted()
		in.Key = strings.Repeat("k", i+1)
		in.PricepointID = 201508
		_, err := w.Charge(as(t, "socio"), in)
		switch {
		case err == nil:
			spent += 1990
		case codeOf(err) != subscription.CodeSpendCap:
			t.Fatal(err)
		}
	}
	other := subscription.ChargeRequest{
		Offer: subscription.Offer{MSISDN: number, PartnerID: 60000, ServiceID: 2000001785, ProductID: 1000000004, Channel: "WEB"}, PricepointID: 201510,
	}
	_, err := w.Charge(as(t, "otro"), other)
	if spent != 15*1990 || codeOf(err) != subscription.CodeSpendCap && spent+500 > 30_000 {
		t.Errorf("spent %d, then %v", spent, err)
	}
	w.pass(24 * time.Hour)
	if _, err := w.Charge(as(t, "otro"), other); err != nil {
		t.Errorf("the next day: %v", err)
	}
}

func TestInvariant22TheMonthsCapHoldsAcrossProductsAndDays(t *testing.T) {
	w := newWorld(t)
	const most = 90_000
	games := trusted()
	games.PricepointID = 201508
	songs := subscription.ChargeRequest{
		Offer: subscription.Offer{MSISDN: number, PartnerID: 60000, ServiceID: 2000001785, ProductID: 1000000004, Channel: "WEB"}, PricepointID: 201510,
	}
	buy := func(client string, in subscription.ChargeRequest, price int) (spent int) {
		t.Helper()
		in.Key = uuid.NewString()
		_, err := w.Charge(as(t, client), in)
		if err != nil && codeOf(err) != subscription.CodeSpendCap {
			t.Fatal(err)
		}
		if err != nil {
			return 0
		}
		return price
	}
	day := func() (spent int) { // ten of each are 24,900, and a day may have 30,000
		for range 10 {
			spent += buy("socio", games, 1990) + buy("otro", songs, 500)
		}
		return spent
	}
	for _, month := range []struct {
		begins string
		last   string // of its minutes
	}{{"2026-03-02 12:00", "2026-03-31 23:59"}, {"2026-04-01 00:00", "2026-04-30 23:59"}} {
		w.setLocal(t, month.begins)
		sum := 0
		for range 3 {
			sum += day()
			w.pass(24 * time.Hour)
		}
		if sum != 3*24_900 {
			t.Fatalf("%s: %d in three days, though no cap is reached", month.begins, sum)
		}
		sum += day()
		for buy("otro", songs, 500) > 0 {
			sum += 500
		}
		if sum > most || sum+500 <= most {
			t.Errorf("%s: %d in a month, of %d", month.begins, sum, most)
		}
		w.setLocal(t, month.last)
		if sum := day(); sum > 0 {
			t.Errorf("%s: %d beyond the cap", month.last, sum)
		}
	}
}
