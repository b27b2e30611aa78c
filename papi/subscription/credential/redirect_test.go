package credential

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	contract "puente/contracts/papi/subscription"
	"puente/papi/subscription/acceptance"
	"puente/papi/subscription/evidence"
	"puente/papi/subscription/redirect"
	"puente/shared/hop"
	"puente/shared/problem"
)

func (w *world) seal(partner int64, product int64, at time.Time) string {
	w.t.Helper()
	p, ok := w.Snapshot().Partner(partner)
	if !ok {
		w.t.Fatal("no such partner")
	}
	tokens, err := redirect.Of(p)
	if err != nil {
		w.t.Fatal(err)
	}
	token, err := tokens.Seal(redirect.Claims{MSISDN: "56912345678", ProductID: product, TID: "QWERT", At: at})
	if err != nil {
		w.t.Fatal(err)
	}
	return token
}

func as(ctx context.Context, client string) context.Context {
	return hop.WithPrincipal(ctx, hop.Principal{Client: client})
}

// newTwo is a world with a second partner, whose key is another.
func newTwo(t *testing.T) *world {
	w := newWorld(t)
	w.Apply("partners", "60000", `{"name":"Otro","country":"CL","environment":"PROD","notify":{},
		"redirect":{"keys":[{"id":"k1","secret":"`+strings.Repeat("A", 43)+`="}]}}`)
	w.Apply("partnerclients", "otro", `{"partner":"60000","secret":"another-long-secret","apis":["charge"]}`)
	return w
}

// A token opens once, for its partner, in its time; all failures look alike.
func TestInvariant16SingleUse(t *testing.T) {
	w := newTwo(t)
	const product = 1000000001
	token := w.seal(52272, product, w.at)
	want := contract.RedirectClaims{MSISDN: "56912345678", ProductID: product, TID: "QWERT"}
	for name, c := range map[string]struct {
		token, client string
	}{
		"nothing": {"", "juegos"}, "garbage": {"garbage", "juegos"}, "cut": {token[:len(token)-1], "juegos"}, "longer": {token + "A", "juegos"},
		"expired": {w.seal(52272, product, w.at.Add(-301*time.Second)), "juegos"}, "of the future": {w.seal(52272, product, w.at.Add(2*time.Minute)), "juegos"},
		"another partner's": {w.seal(60000, product, w.at), "juegos"}, "by another partner": {token, "otro"},
		"its own, of another's product": {w.seal(60000, product, w.at), "otro"}, "no such product": {w.seal(52272, 77, w.at), "juegos"},
		"by nobody": {token, ""}, "by a client that is not there": {token, "nadie"}, "by a disabled client": {token, "apagado"},
	} {
		got, err := w.VerifyRedirect(as(t.Context(), c.client), contract.RedirectQuery{Token: c.token})
		if got != (contract.RedirectClaims{}) || problem.Of(err) != problem.Of(errRedirect) {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	if n := w.count("SELECT count(*) FROM subscription.redirects"); n != 0 {
		t.Fatalf("%d tokens count as used", n)
	}
	var opened atomic.Int32
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			got, err := w.VerifyRedirect(as(t.Context(), "juegos"), contract.RedirectQuery{Token: token})
			switch {
			case err == nil && got == want:
				opened.Add(1)
			case problem.Of(err) != problem.Of(errRedirect):
				t.Errorf("%+v, %v", got, err)
			}
		})
	}
	all.Wait()
	if opened.Load() != 1 {
		t.Errorf("it opened %d times", opened.Load())
	}
	w.at = w.at.Add(299 * time.Second)
	if err := w.Prune(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := w.VerifyRedirect(as(t.Context(), "juegos"), contract.RedirectQuery{Token: token}); err == nil {
		t.Error("it opens again")
	}
	w.at = w.at.Add(time.Hour)
	if err := w.Prune(t.Context()); err != nil || w.count("SELECT count(*) FROM subscription.redirects") != 0 {
		t.Error("what cannot open any more is kept", err)
	}
}

// Tokens without a time open for as long as their key: that they were used is not forgotten meanwhile.
func TestUntimedRedirectTokensAreRemembered(t *testing.T) {
	w := newWorld(t)
	w.Apply("partners", "52272", `{"name":"Juegos SpA","country":"CL","environment":"PROD","notify":{},
		"redirect":{"scheme":"ecb-pkcs5","timed":false,"keys":[{"id":"k1","secret":"MDEyMzQ1Njc4OWFiY2RlZg=="}]}}`)
	token := w.seal(52272, 1000000001, w.at)
	if _, err := w.VerifyRedirect(as(t.Context(), "juegos"), contract.RedirectQuery{Token: token}); err != nil {
		t.Fatal(err)
	}
	w.at = w.at.Add(300 * 24 * time.Hour)
	if err := w.Prune(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := w.VerifyRedirect(as(t.Context(), "juegos"), contract.RedirectQuery{Token: token}); err == nil {
		t.Error("it opens again")
	}
}

// A token that its partner opened proves that the partner can; one that nobody could open proves nothing.
func TestAnOpenedRedirectIsProof(t *testing.T) {
	w := newTwo(t)
	w.Credentials.evidence = evidence.New()
	const product = 1000000001
	for _, token := range []string{"garbage", w.seal(52272, 77, w.at), w.seal(60000, product, w.at)} {
		if _, err := w.VerifyRedirect(as(t.Context(), "juegos"), contract.RedirectQuery{Token: token}); err == nil {
			t.Error("it opened")
		}
	}
	if n := w.count("SELECT count(*) FROM subscription.evidence"); n != 0 {
		t.Errorf("%d rows of evidence", n)
	}
	token := w.seal(52272, product, w.at)
	for range 2 {
		_, _ = w.VerifyRedirect(as(t.Context(), "juegos"), contract.RedirectQuery{Token: token})
	}
	p, _ := w.Snapshot().Product(product)
	if n := w.count(`SELECT count(*) FROM subscription.evidence WHERE partner_id = 52272 AND product_id = 1000000001 AND environment = 'PROD' AND step = 'subscription.LPRedirect'
		AND value = 'OK Prov' AND configuration = $1`, evidence.Configuration(p, acceptance.SubscriptionLPRedirect)); n != 1 || w.count("SELECT count(*) FROM subscription.evidence") != 1 {
		t.Errorf("%d rows", n)
	}
}
