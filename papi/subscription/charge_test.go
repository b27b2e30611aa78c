package subscription

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"puente/contracts/papi/subscription"
	"puente/shared/problem"
)

// trusted is a request of a product whose partner vouches for the user's consent.
func trusted() subscription.ChargeRequest {
	return subscription.ChargeRequest{
		Offer:        subscription.Offer{MSISDN: number, PartnerID: partnerID, ServiceID: serviceID, ProductID: trustedID, Channel: "web"},
		PricepointID: 201507,
	}
}

// short is a request whose caller waits for a moment only.
func short(t testing.TB, ctx context.Context) context.Context {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	t.Cleanup(cancel)
	return ctx
}

func codeOf(err error) string {
	if err == nil {
		return ""
	}
	return problem.Of(err).Code
}

// One intention, a hundred times at once, then again: one effect, one answer; with another price point: refused.
func TestInvariant01OneChargePerKey(t *testing.T) {
	w := newWorld(t)
	in := trusted()
	in.Key = "compra-1"
	var all sync.WaitGroup
	outs := make([]subscription.ChargeResult, 100)
	errs := make([]error, 100)
	for i := range outs {
		all.Go(func() { outs[i], errs[i] = w.Charge(as(t, "socio"), in) })
	}
	all.Wait()
	first := 0
	for i := range outs {
		if errs[i] != nil || outs[i].Outcome != subscription.OutcomeSucceeded || outs[i].Key != "compra-1" {
			t.Fatalf("%+v %v", outs[i], errs[i])
		}
		if !outs[i].Replayed {
			first++
		}
	}
	if made, _ := w.operator.charged(); made != 1 || first != 1 {
		t.Errorf("%d charges, %d answers that are no repetition", made, first)
	}
	if got := w.notices(t); len(got) != 1 || !strings.Contains(got[0], `"updateType":2,"value":990,"context":2`) {
		t.Errorf("notices %s", got)
	}
	again, err := w.Charge(as(t, "socio"), in)
	if err != nil || !again.Replayed || again.Outcome != subscription.OutcomeSucceeded {
		t.Errorf("again: %+v %v", again, err)
	}
}

func TestInvariant02AnotherBodyUnderAKeyIsRefused(t *testing.T) {
	w := newWorld(t)
	in := trusted()
	in.Key = "compra-1"
	if _, err := w.Charge(as(t, "socio"), in); err != nil {
		t.Fatal(err)
	}
	other := in
	other.PricepointID = 201508
	if _, err := w.Charge(as(t, "socio"), other); codeOf(err) != subscription.CodeKeyReused {
		t.Errorf("another price point: %v", err)
	}
	if made, _ := w.operator.charged(); made != 1 {
		t.Errorf("%d charges", made)
	}
}

// Without a name a request is known by what it charges to whom, for a while; with a date, for a day.
func TestARequestWithoutAName(t *testing.T) {
	w := newWorld(t)
	charge := func(change func(*subscription.ChargeRequest)) bool {
		in := trusted()
		change(&in)
		out, err := w.Charge(as(t, "socio"), in)
		if err != nil || out.Outcome != subscription.OutcomeSucceeded || out.Key == "" {
			t.Fatalf("%+v %v", out, err)
		}
		return out.Replayed
	}
	bare := func(*subscription.ChargeRequest) {}
	dated := func(in *subscription.ChargeRequest) { in.Date = "20260302120000" }
	for i, step := range []struct {
		after  time.Duration
		change func(*subscription.ChargeRequest)
		want   bool
	}{
		{0, bare, false}, {30 * time.Second, bare, true}, {31 * time.Second, bare, false},
		{0, dated, false}, {23 * time.Hour, dated, true}, {2 * time.Hour, dated, false},
		{0, func(in *subscription.ChargeRequest) { in.PricepointID = 201508 }, false},
		{0, func(in *subscription.ChargeRequest) { in.PricepointID, in.Channel = 201508, "SMS" }, true},
		{0, func(in *subscription.ChargeRequest) { in.TID = "QWERT" }, false},
		{48 * time.Hour, func(in *subscription.ChargeRequest) { in.TID = "QWERT" }, true},
	} {
		w.pass(step.after)
		if got := charge(step.change); got != step.want {
			t.Errorf("step %d: replayed %v", i, got)
		}
	}
}

// What nobody knows in time is told so; found charged, it is given back, and its partner hears of no charge.
func TestInvariant03UnknownIsResolvedNotRepeated(t *testing.T) {
	w := newWorld(t)
	w.operator.next, w.operator.unheard = []deed{hangsAfter}, true
	in := trusted()
	in.Key = "compra-1"
	ctx := as(t, "socio")
	out, err := w.Charge(short(t, ctx), in)
	if err != nil || out.Outcome != subscription.OutcomeUnknown {
		t.Fatalf("%+v %v", out, err)
	}
	again, err := w.Charge(ctx, in)
	if err != nil || again.Outcome != subscription.OutcomeUnknown || !again.Replayed {
		t.Errorf("again: %+v %v", again, err)
	}
	w.resolve(t)
	if s, err := w.QueryCharge(ctx, subscription.ChargeQuery{Key: "compra-1"}); err != nil || s.State != subscription.ChargeUnknown {
		t.Errorf("while the operator is silent: %+v %v", s, err)
	}
	w.operator.unheard = false
	w.resolve(t)
	w.resolve(t)
	if s, err := w.QueryCharge(ctx, subscription.ChargeQuery{Key: "compra-1"}); err != nil || s.State != subscription.ChargeRefunded || s.RefundedAt == nil {
		t.Errorf("resolved: %+v %v", s, err)
	}
	if made, back := w.operator.charged(); made != 1 || back != 1 {
		t.Errorf("%d charged, %d given back", made, back)
	}
	if got := w.notices(t); len(got) != 0 {
		t.Errorf("notices %s", got)
	}
}

func TestUnknownIsAskedForWhileTheCallerWaits(t *testing.T) {
	w := newWorld(t)
	w.operator.next = []deed{breaks}
	out, err := w.Charge(as(t, "socio"), trusted())
	if err != nil || out.Outcome != subscription.OutcomeSucceeded {
		t.Fatalf("%+v %v", out, err)
	}
	if made, back := w.operator.charged(); made != 1 || back != 0 {
		t.Errorf("%d charged, %d given back", made, back)
	}
	if got := w.notices(t); len(got) != 1 {
		t.Errorf("notices %s", got)
	}
}

// Whoever settles a charge first, its caller is told what came of it.
func TestSettledBehindTheCallersBack(t *testing.T) {
	w := newWorld(t)
	w.operator.onCall = func() { w.resolve(t) }
	in := trusted()
	in.Key = "compra-1"
	for _, replayed := range []bool{false, true} {
		out, err := w.Charge(as(t, "socio"), in)
		if err != nil || out.Outcome != subscription.OutcomeSucceeded || out.Replayed != replayed {
			t.Errorf("%+v %v", out, err)
		}
		w.operator.onCall = nil
	}
	if made, back := w.operator.charged(); made != 1 || back != 0 {
		t.Errorf("%d charged, %d given back", made, back)
	}
}

// What was charged is told again, whatever became of the product since.
func TestReplayOutlivesTheOffer(t *testing.T) {
	w := newWorld(t)
	in := trusted()
	in.Key = "compra-1"
	if _, err := w.Charge(as(t, "socio"), in); err != nil {
		t.Fatal(err)
	}
	product, _ := w.catalogue.Snapshot().Product(trustedID)
	product.Status = "suspended"
	if out, err := w.Charge(as(t, "socio"), in); err != nil || !out.Replayed || out.Outcome != subscription.OutcomeSucceeded {
		t.Errorf("%+v %v", out, err)
	}
	in.Key = "compra-2"
	if _, err := w.Charge(as(t, "socio"), in); codeOf(err) != subscription.CodeOfferUnknown {
		t.Error(err)
	}
}

func TestDeclined(t *testing.T) {
	w := newWorld(t)
	w.operator.next = []deed{declines}
	in := trusted()
	in.Key = "compra-1"
	for _, replayed := range []bool{false, true} {
		out, err := w.Charge(as(t, "socio"), in)
		if err != nil || out.Outcome != subscription.OutcomeDeclined || out.Reason != subscription.CodeInsufficientBalance || out.Replayed != replayed {
			t.Errorf("%+v %v", out, err)
		}
	}
	if got := w.notices(t); len(got) != 0 {
		t.Errorf("notices %s", got)
	}
}

// What certainly was not charged, for a reason that is nobody's, may come again under its key.
func TestNotChargedMayComeAgain(t *testing.T) {
	w := newWorld(t)
	w.operator.next = []deed{refuses}
	in := trusted()
	in.Key = "compra-1"
	if _, err := w.Charge(as(t, "socio"), in); !errors.Is(err, problem.Unavailable) {
		t.Fatal(err)
	}
	out, err := w.Charge(as(t, "socio"), in)
	if err != nil || out.Outcome != subscription.OutcomeSucceeded || out.Replayed {
		t.Errorf("%+v %v", out, err)
	}
	if made, _ := w.operator.charged(); made != 1 {
		t.Errorf("%d charges", made)
	}
}

// Whoever was told that nobody knows is told the same for good, though it turns out that nothing was charged: what was
// given up is not charged behind anybody's back by a repetition.
func TestGivenUpIsNotTriedAgain(t *testing.T) {
	w := newWorld(t)
	w.operator.next, w.operator.unheard = []deed{hangs}, true
	in := trusted()
	in.Key = "compra-1"
	ctx := as(t, "socio")
	if out, err := w.Charge(short(t, ctx), in); err != nil || out.Outcome != subscription.OutcomeUnknown {
		t.Fatalf("%+v %v", out, err)
	}
	w.operator.settle()
	w.resolve(t)
	if s, err := w.QueryCharge(ctx, subscription.ChargeQuery{Key: "compra-1"}); err != nil || s.State != subscription.ChargeDeclined || s.Reason != "NOT_CHARGED" {
		t.Errorf("its state: %+v %v", s, err)
	}
	if out, err := w.Charge(ctx, in); err != nil || out.Outcome != subscription.OutcomeUnknown || !out.Replayed {
		t.Errorf("again: %+v %v", out, err)
	}
	if made, _ := w.operator.charged(); made != 0 {
		t.Errorf("%d charges", made)
	}
}

// A subscription and a consent are those of the owner who agreed: whoever has the number now is not charged on account
// of them, nor is anybody while the directory does not say whose it is.
// The month's cap holds over days and products that each stay below the day's, to the last minute of the local month;
// then it is there again, whole.
// A consent of the hub's is one of an ACTIVE or GRACE subscription to the same service, of the same line; nobody else is
// asked about who has none.
// A consent is good for no higher price than was shown.
// A line whose number cannot be read concerns itself only, and one that was erased and comes back has its number again.
func TestOneLineThatCannotBeRead(t *testing.T) {
	w := newWorld(t)
	ctx := t.Context()
	var ids []int64
	for _, n := range []string{"56920000001", "56920000002", "56920000003"} {
		id, err := w.book.Enter(ctx, w.db, n)
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, id)
	}
	if _, err := w.db.Exec(ctx, `update subscription.lines set msisdn = case id when $1 then 'spoilt'::bytea else ''::bytea end where id in ($1, $2)`, ids[0], ids[1]); err != nil {
		t.Fatal(err)
	}
	numbers, err := w.book.Numbers(ctx, w.db, ids...)
	if err != nil || len(numbers) != 1 || numbers[ids[2]] != "56920000003" {
		t.Errorf("%v %v", numbers, err)
	}
	if id, err := w.book.Enter(ctx, w.db, "56920000002"); err != nil || id != ids[1] {
		t.Error(id, err)
	}
	if n, err := w.book.Number(ctx, w.db, ids[1]); err != nil || n != "56920000002" {
		t.Error(n, err)
	}
}

func TestInvariant18APartnerHasItsOwnOnly(t *testing.T) {
	w := newWorld(t)
	in := trusted()
	in.Key = "compra-1"
	if _, err := w.Charge(as(t, "socio"), in); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		change func(*subscription.ChargeRequest)
		code   string
	}{
		"another partner":                {func(in *subscription.ChargeRequest) {}, subscription.CodeForeignPartner},
		"its own, another's service":     {func(in *subscription.ChargeRequest) { in.PartnerID = 60000 }, subscription.CodeOfferUnknown},
		"none at all":                    {func(in *subscription.ChargeRequest) { in.PartnerID, in.ProductID = 60000, 1 }, subscription.CodeOfferUnknown},
		"its service, another's product": {func(in *subscription.ChargeRequest) { in.PartnerID, in.ServiceID = 60000, 2000001785 }, subscription.CodeOfferUnknown},
	} {
		in := in
		c.change(&in)
		if _, err := w.Charge(as(t, "otro"), in); codeOf(err) != c.code {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := w.QueryCharge(as(t, "otro"), subscription.ChargeQuery{Key: "compra-1"}); !errors.Is(err, problem.NotFound) {
		t.Error(err)
	}
	if made, _ := w.operator.charged(); made != 1 {
		t.Errorf("%d charges", made)
	}
}

func TestRefusals(t *testing.T) {
	w := newWorld(t)
	for name, c := range map[string]struct {
		change func(*subscription.ChargeRequest)
		code   string
	}{
		"no number of the plan":  {func(in *subscription.ChargeRequest) { in.MSISDN = "5611111111" }, subscription.CodeMSISDNInvalid},
		"nobody's number":        {func(in *subscription.ChargeRequest) { in.MSISDN = "56999999999" }, subscription.CodeMSISDNUnknown},
		"a subscription":         {func(in *subscription.ChargeRequest) { in.ProductID, in.PricepointID = weeklyID, 201509 }, subscription.CodeNotOnDemand},
		"another price point":    {func(in *subscription.ChargeRequest) { in.PricepointID = 201510 }, subscription.CodeOfferUnknown},
		"another channel":        {func(in *subscription.ChargeRequest) { in.Channel = "USSD" }, subscription.CodeChannelNotAllowed},
		"another short code":     {func(in *subscription.ChargeRequest) { in.ShortCode = "9999" }, subscription.CodeShortCode},
		"a date that is none":    {func(in *subscription.ChargeRequest) { in.Date = "20260231000000" }, ""},
		"international, and all": {func(in *subscription.ChargeRequest) { in.MSISDN, in.ShortCode, in.Channel = "+"+number, "8888", "sms" }, "none"},
	} {
		in := trusted()
		in.Key = name
		c.change(&in)
		_, err := w.Charge(as(t, "socio"), in)
		if c.code == "none" && err != nil || c.code != "none" && (err == nil || codeOf(err) != c.code) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
