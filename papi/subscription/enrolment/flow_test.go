package enrolment

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	contract "puente/contracts/papi/subscription"
	"puente/contracts/sapi/carrierbilling"
	"puente/contracts/sapi/subscriber"
	"puente/papi/subscription/catalogue"
	"puente/papi/subscription/messaging"
	"puente/papi/subscription/notification"
	"puente/papi/subscription/redirect"
	"puente/shared/problem"
)

// F1: number, PIN, consent, charge.
func TestSubscribeByPIN(t *testing.T) {
	w := newWorld(t)
	flow := w.start(weekly, "9 1234 5678")
	want := contract.Flow{
		ID: flow.ID, Proof: contract.ProofPIN, Masked: "569****5678", Amount: 990, Currency: "CLP", ExpiresAt: w.at.Add(10 * time.Minute), ResendAt: w.at.Add(time.Minute),
	}
	if flow != want {
		t.Errorf("%+v", flow)
	}
	sent := w.said[0]
	if len(w.said) != 1 || sent.Purpose != messaging.PIN || len(sent.PIN) != 6 || sent.MSISDN != msisdn || sent.ShortCode != "8888" || !sent.Until.Equal(w.at.Add(5*time.Minute)) {
		t.Errorf("%+v", w.said)
	}
	if state := w.query(flow).State; state != contract.EnrolmentPending {
		t.Error(state)
	}
	w.pass(time.Minute)
	got := w.agrees(flow, w.pin())
	next := w.at.AddDate(0, 0, 7)
	if got.State != contract.EnrolmentActive || got.SubscriptionID == 0 || got.NextCharge == nil || !got.NextCharge.Equal(next) {
		t.Errorf("%+v", got)
	}
	w.opens(got.Redirect)
	order := carrierbilling.Order{
		TxID: w.orders[0].TxID, MSISDN: msisdn, Amount: 990, Currency: "CLP", Description: "Juegos Semanal", PartnerID: 52272, ProductID: weekly,
		PricepointID: 201507, Context: carrierbilling.ContextSubscription,
	}
	if len(w.orders) != 1 || w.orders[0] != order {
		t.Errorf("%+v", w.orders)
	}
	if got := w.notices(); !slices.Equal(got, []notification.Kind{notification.Subscribed, notification.Charged}) {
		t.Errorf("%v", got)
	}
	if n := w.told[1]; n.Amount != 990 || n.Context != notification.First || n.TID != "QWERT" || n.Channel != "WEB" || n.UserType != "02" {
		t.Errorf("%+v", n)
	}
	if m := w.said[len(w.said)-1]; m.Purpose != messaging.Welcome {
		t.Errorf("%+v", m)
	}
	if w.count("SELECT count(*) FROM subscription.charges WHERE key = 'sub:' || subscription_id || ':0' AND state = 'SUCCEEDED' AND consent_id IS NOT NULL") != 1 {
		t.Error("no such charge")
	}

	consent := w.consentOf(flow)
	browser := origin{Address: address, UserAgent: "Mozilla/5.0"}
	wantConsent := Consent{
		ID: consent.ID, Flow: consent.Flow, Line: consent.Line, PartnerID: 52272, ServiceID: 2000001784, ProductID: weekly, PricepointID: 201507,
		Amount: 990, Currency: "CLP", Period: &catalogue.Period{Unit: catalogue.Week, Count: 1}, Proof: contract.ProofPIN, PIN: 1, Campaign: "juegos", Channel: "WEB", TID: "QWERT", Texts: "2026-11", Shown: "Semanal\n$990 semanal",
		Screens: []string{"offer", "confirm"}, StartedAt: w.at.Add(-time.Minute), GivenAt: w.at, Started: browser, Confirmed: browser,
	}
	if !reflect.DeepEqual(consent, wantConsent) || consent.Flow.String() != flow.ID {
		t.Errorf("%+v", consent)
	}
	if _, err := w.DB.Exec(t.Context(), "UPDATE subscription.consents SET amount = 1"); err == nil {
		t.Error("a consent can be changed")
	}

	if again := w.query(flow); again.State != contract.EnrolmentActive || again.Redirect == "" || again.Redirect == got.Redirect {
		t.Errorf("%+v", again)
	}
	w.pass(2 * time.Hour)
	if late := w.query(flow); late.State != contract.EnrolmentActive || late.Redirect != "" {
		t.Errorf("a flow is a login for good: %+v", late)
	}
}

// opens wants a redirect token to say who, for the sample's partner.
func (w *world) opens(token string) {
	w.t.Helper()
	p, _ := w.Snapshot().Partner(52272)
	tokens, err := redirect.Of(p)
	if err != nil {
		w.t.Fatal(err)
	}
	claims, err := tokens.Open(token, w.clock())
	if err != nil || claims.MSISDN != msisdn || claims.TID != "QWERT" {
		w.t.Errorf("%q says %+v, %v", token, claims, err)
	}
}

// F2: the operator's header, and two screens that were confirmed.
func TestSubscribeByEnrichment(t *testing.T) {
	w := newWorld(t)
	flow := w.enriched(weekly, msisdn)
	if flow.Proof != contract.ProofHE || flow.Masked != "569****5678" || !flow.ResendAt.IsZero() || w.pins() != 0 {
		t.Errorf("%+v", flow)
	}
	for _, screens := range [][]string{{"offer"}, {"offer", "offer"}} {
		in := confirmation(flow, "")
		in.Screens = screens
		_, err := w.ConfirmFlow(t.Context(), in)
		wantError(t, err, problem.Invalid, "")
	}
	_, err := w.ResendPIN(t.Context(), contract.FlowQuery{ID: flow.ID})
	wantError(t, err, problem.Conflict, contract.CodeFlowEnded)
	if got := w.agrees(flow, ""); got.State != contract.EnrolmentActive || w.charged() != 1 {
		t.Errorf("%+v", got)
	}
	if c := w.consentOf(flow); c.Proof != contract.ProofHE || c.Shown != "Semanal\n$990 semanal" || c.PIN != 0 || c.Source == nil || *c.Source != (source{Operator: "ENTEL", Peer: "10.0.0.1", Forwarded: address}) {
		t.Errorf("%+v", c)
	}
}

// A header that tells nothing makes no handle: the page asks for the number.
func TestEnrichmentThatTellsNothing(t *testing.T) {
	w := newWorld(t)
	header := contract.Header{Name: "X-MSISDN", Value: msisdn}
	for name, e := range map[string]contract.Enrichment{
		"untrusted": {Headers: []contract.Header{header}, Peer: "203.0.113.1"}, "no header": {Peer: "10.0.0.1"},
		"another country's": {Headers: []contract.Header{{Name: "X-MSISDN", Value: "51912345678"}}, Peer: "10.0.0.1"},
		"nobody to ask":     {Headers: []contract.Header{header}, Peer: "away"},
	} {
		in := plain("juegos", msisdn)
		in.Enrichment = e
		_, err := w.MintHandle(t.Context(), in)
		if p := problem.Of(err); p == nil || p.Kind != problem.Invalid || p.Code != contract.CodeMSISDNInvalid {
			t.Errorf("%s: %v", name, err)
		}
	}
	if n := w.count("SELECT count(*) FROM subscription.handles"); n != 0 {
		t.Errorf("%d handles", n)
	}
	_, err := w.StartFlow(t.Context(), wanting(weekly, ""))
	wantError(t, err, problem.Invalid, contract.CodeMSISDNInvalid)
	// A number that was typed wants a PIN, whatever a header said.
	in := w.minted(weekly, msisdn)
	in.MSISDN = numbered(1)
	if flow, err := w.StartFlow(t.Context(), in); err != nil || flow.Proof != contract.ProofPIN || flow.Masked != "569****0001" {
		t.Errorf("%+v, %v", flow, err)
	}
}

func TestWhatIsNotOffered(t *testing.T) {
	w := newWorld(t)
	w.Apply("campaigns", "over", `{"product":"1000000001","status":"suspended"}`)
	w.Apply("campaigns", "odd", `{"product":"1000000001","shortCode":"7777"}`)
	w.Apply("campaigns", "priceless", `{"product":"1000000001","pricePoint":1}`)
	w.Apply("products", "1000000004", `{"service":"2000001784","name":"Viejo","kind":"VAS","type":"SUBSCRIPTION","status":"suspended","period":{"unit":"DAY"},"pricePoints":[{"id":1,"amount":1}]}`)
	w.Apply("campaigns", "viejo", `{"product":"1000000004"}`)
	for name, test := range map[string]struct {
		change func(*contract.FlowRequest)
		kind   problem.Kind
		code   string
	}{
		"another partner":    {func(in *contract.FlowRequest) { in.PartnerID = 1 }, problem.Conflict, contract.CodeOfferUnknown},
		"another service":    {func(in *contract.FlowRequest) { in.ServiceID = 1 }, problem.Conflict, contract.CodeOfferUnknown},
		"another product":    {func(in *contract.FlowRequest) { in.ProductID = free }, problem.Conflict, contract.CodeOfferUnknown},
		"no campaign":        {func(in *contract.FlowRequest) { in.Campaign = "x" }, problem.Conflict, contract.CodeOfferUnknown},
		"campaign over":      {func(in *contract.FlowRequest) { in.Campaign = "over" }, problem.Conflict, contract.CodeOfferUnknown},
		"no price":           {func(in *contract.FlowRequest) { in.Campaign = "priceless" }, problem.Conflict, contract.CodeOfferUnknown},
		"product over":       {func(in *contract.FlowRequest) { in.Campaign, in.ProductID = "viejo", 1000000004 }, problem.Conflict, contract.CodeOfferUnknown},
		"foreign short code": {func(in *contract.FlowRequest) { in.Campaign = "odd" }, problem.Conflict, contract.CodeShortCode},
		"another channel":    {func(in *contract.FlowRequest) { in.Channel = "USSD" }, problem.Conflict, contract.CodeChannelNotAllowed},
		"bad tid":            {func(in *contract.FlowRequest) { in.TID = "a#b" }, problem.Invalid, ""},
		"no number":          {func(in *contract.FlowRequest) { in.MSISDN = "91234567" }, problem.Invalid, contract.CodeMSISDNInvalid},
	} {
		in := wanting(weekly, msisdn)
		test.change(&in)
		_, err := w.StartFlow(t.Context(), in)
		t.Log(name)
		wantError(t, err, test.kind, test.code)
	}
	if w.count("SELECT count(*) FROM subscription.flows") != 0 || w.pins() != 0 {
		t.Error("something was begun")
	}
}

// Who is refused, and that an address cannot ask the directory for all the numbers there are.
func TestLinesThatMayNot(t *testing.T) {
	w := newWorld(t)
	own := subscriber.Line{MSISDN: "x", Own: true, Segment: subscriber.SegmentPerson, Access: subscriber.AccessMobile, State: subscriber.StateActive}
	barred, company, fixed, gone, other := own, own, own, own, own
	barred.ContentBarred, company.Segment, fixed.Access, gone.State, other.Own = true, subscriber.SegmentCompany, subscriber.AccessFixed, subscriber.StateTerminated, false
	w.lines = map[string]subscriber.Line{numbered(1): barred, numbered(2): company, numbered(3): fixed, numbered(4): gone, numbered(5): other, numbered(6): {}}
	for i, want := range []struct {
		kind problem.Kind
		code string
	}{
		{problem.Conflict, contract.CodeLineBarred}, {problem.Conflict, contract.CodeNotEligible}, {problem.Conflict, contract.CodeNotEligible},
		{problem.Invalid, contract.CodeMSISDNUnknown}, {problem.Invalid, contract.CodeOtherOperator}, {problem.Invalid, contract.CodeMSISDNUnknown},
	} {
		_, err := w.StartFlow(t.Context(), wanting(weekly, numbered(i+1)))
		wantError(t, err, want.kind, want.code)
	}
	for i := 6; i < refusedMost; i++ {
		_, err := w.StartFlow(t.Context(), wanting(weekly, numbered(6)))
		wantError(t, err, problem.Invalid, contract.CodeMSISDNUnknown)
	}
	for i := range 6 {
		_, err := w.StartFlow(t.Context(), wanting(weekly, numbered(i+1)))
		wantError(t, err, problem.Quota, contract.CodePINQuota)
	}
	if w.count("SELECT count(*) FROM subscription.flows") != 0 || w.pins() != 0 {
		t.Error("something was begun")
	}
	w.start(weekly, msisdn) // who may have it may
}

// A new flow of the line and product supersedes the one before; of another product it does not.
func TestSupersededFlow(t *testing.T) {
	w := newWorld(t)
	first := w.start(weekly, msisdn)
	pin := w.pin()
	other := w.start(free, msisdn)
	otherPIN := w.pin()
	second := w.enriched(weekly, msisdn)
	_, err := w.ConfirmFlow(t.Context(), confirmation(first, pin))
	wantError(t, err, problem.Conflict, contract.CodeFlowEnded)
	_, err = w.ResendPIN(t.Context(), contract.FlowQuery{ID: first.ID})
	wantError(t, err, problem.Conflict, contract.CodeFlowEnded)
	if state := w.query(first).State; state != contract.EnrolmentEnded {
		t.Error(state)
	}
	if got := w.agrees(second, ""); got.State != contract.EnrolmentActive {
		t.Errorf("%+v", got)
	}
	if got := w.agrees(other, otherPIN); got.State != contract.EnrolmentActive {
		t.Errorf("%+v", got)
	}
}

func TestExpire(t *testing.T) {
	w := newWorld(t)
	flow := w.start(weekly, msisdn)
	pin := w.pin()
	w.pass(10 * time.Minute)
	_, err := w.ConfirmFlow(t.Context(), confirmation(flow, pin))
	wantError(t, err, problem.Conflict, contract.CodeFlowEnded)
	if err := w.Expire(t.Context()); err != nil || w.count("SELECT count(*) FROM subscription.flows WHERE state = 'abandoned'") != 1 {
		t.Error("it is still pending", err)
	}
	done := w.enriched(weekly, msisdn)
	w.agrees(done, "")
	if err := w.Expire(t.Context()); err != nil || w.query(done).State != contract.EnrolmentActive || w.query(flow).State != contract.EnrolmentEnded {
		t.Error("what is confirmed expires, or what is over is gone", err)
	}
	w.pass(kept + time.Hour)
	if err := w.Expire(t.Context()); err != nil || w.count("SELECT count(*) FROM subscription.flows") != 0 || w.count("SELECT count(*) FROM subscription.pins") != 0 {
		t.Error("old ones are kept", err)
	}
	if w.count("SELECT count(*) FROM subscription.consents") != 1 {
		t.Error("the consent went with its flow")
	}
	_, err = w.QueryEnrolment(t.Context(), contract.FlowQuery{ID: done.ID})
	wantError(t, err, problem.NotFound, "")
}

func TestNoSuchFlow(t *testing.T) {
	w := newWorld(t)
	for _, id := range []string{"", "x", strings.Repeat("0", 64), "00000000-0000-4000-8000-000000000000"} {
		_, err := w.QueryEnrolment(t.Context(), contract.FlowQuery{ID: id})
		wantError(t, err, problem.NotFound, "")
		_, err = w.ResendPIN(t.Context(), contract.FlowQuery{ID: id})
		wantError(t, err, problem.Conflict, contract.CodeFlowEnded)
		_, err = w.ConfirmFlow(t.Context(), confirmation(contract.Flow{ID: id}, "123456"))
		wantError(t, err, problem.Conflict, contract.CodeFlowEnded)
	}
}
