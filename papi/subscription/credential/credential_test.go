package credential

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	contract "puente/contracts/papi/subscription"
	"puente/papi/subscription/catalogue"
	"puente/papi/subscription/catalogue/cataloguetest"
	"puente/papi/subscription/tally"
	"puente/shared/config"
	"puente/shared/database"
	"puente/shared/database/databasetest"
	"puente/shared/problem"
)

const secret = "the-partner-s-secret"

// world is a catalogue with clients of two partners, and the processes that work on it.
type world struct {
	*cataloguetest.Catalogue
	t  *testing.T
	at time.Time
	*Credentials
}

func newWorld(t *testing.T) *world {
	c := cataloguetest.Sample(t)
	w := &world{Catalogue: c, t: t, at: time.Date(2026, 11, 25, 12, 0, 1, 0, time.UTC)}
	w.client("juegos", `"apis":["charge","sendmt","suboptout"]`)
	w.client("mensajes", `"apis":["sendmt"]`)
	w.client("apagado", `"apis":["charge"],"status":"suspended"`)
	w.Credentials = w.replica(c.Store)
	return w
}

func (w *world) client(id, rest string) {
	w.t.Helper()
	w.Apply("partnerclients", id, fmt.Sprintf(`{"partner":"52272","secret":%q,%s}`, secret, rest))
}

func (w *world) replica(store *catalogue.Store) *Credentials {
	w.t.Helper()
	c, err := New(Defaults(), Deps{
		DB: w.DB, Catalogue: store, Tally: tally.New(w.Ring), Now: func() time.Time { return w.at }, Log: databasetest.Logger(w.t),
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return c
}

func request(client, value string, api contract.API, address string) contract.TokenRequest {
	return contract.TokenRequest{ClientID: client, ClientSecret: value, API: api, Address: address}
}

func (w *world) issue(client string, api contract.API) string {
	w.t.Helper()
	token, err := w.IssueToken(w.t.Context(), request(client, secret, api, "192.0.2.1"))
	if err != nil {
		w.t.Fatal(err)
	}
	return token.AccessToken
}

func (w *world) verify(token string, api contract.API) contract.TokenVerdict {
	w.t.Helper()
	v, err := w.VerifyToken(w.t.Context(), contract.TokenQuery{Token: token, API: api})
	if err != nil {
		w.t.Fatal(err)
	}
	return v
}

func (w *world) count(query string, args ...any) (n int) {
	w.t.Helper()
	if err := w.DB.QueryRow(w.t.Context(), query, args...).Scan(&n); err != nil {
		w.t.Fatal(err)
	}
	return n
}

func wantError(t *testing.T, err error, kind problem.Kind, code string) {
	t.Helper()
	if p := problem.Of(err); p == nil || p.Kind != kind || p.Code != code {
		t.Errorf("%v, not %v %s", err, kind, code)
	}
}

func TestToken(t *testing.T) {
	w := newWorld(t)
	token, err := w.IssueToken(t.Context(), request("juegos", secret, contract.APICharge, "192.0.2.1"))
	if err != nil || !wellFormed(token.AccessToken) || token.ExpiresIn != 3600 {
		t.Fatal(token, err)
	}
	want := contract.TokenVerdict{Active: true, Client: "juegos", PartnerID: 52272, Expires: w.at.Add(time.Hour).Unix(), Manner: "rest/es"}
	if got := w.verify(token.AccessToken, contract.APICharge); got != want {
		t.Errorf("%+v", got)
	}
	if got := w.verify(token.AccessToken, ""); got != want {
		t.Errorf("any API: %+v", got)
	}
	if n := w.count("SELECT count(*) FROM subscription.tokens WHERE position(convert_to($1, 'UTF8') IN hash) > 0 OR client = $1", token.AccessToken); n != 0 {
		t.Error("the token is stored")
	}
	if other := w.issue("juegos", contract.APICharge); other == token.AccessToken {
		t.Error("two tokens are equal")
	} else if !w.verify(token.AccessToken, contract.APICharge).Active {
		t.Error("a second token ends the first")
	}
}

// A token of one API is refused by the others; expired and revoked too.
func TestInvariant17(t *testing.T) {
	all := []contract.API{contract.APICharge, contract.APISendMT, contract.APISubOptOut}
	w := newWorld(t)
	for _, given := range all {
		token := w.issue("juegos", given)
		for _, asked := range all {
			want := contract.TokenVerdict{Reason: ReasonOtherAPI}
			if asked == given {
				want = contract.TokenVerdict{Active: true, Client: "juegos", PartnerID: 52272, Expires: w.at.Add(time.Hour).Unix(), Manner: "rest/es"}
			}
			if got := w.verify(token, asked); got != want {
				t.Errorf("token of %s at %s: %+v", given, asked, got)
			}
		}
	}
	partner := func(status string) string {
		return `{"name":"Juegos SpA","country":"CL","environment":"PROD","status":"` + status + `","notify":{},"redirect":{}}`
	}
	for reason, end := range map[string]func(w *world){
		ReasonExpired:          func(w *world) { w.at = w.at.Add(time.Hour) },
		ReasonClientDisabled:   func(w *world) { w.client("juegos", `"apis":["charge"],"status":"suspended"`) },
		ReasonAPIWithdrawn:     func(w *world) { w.client("juegos", `"apis":["sendmt"]`) },
		ReasonPartnerSuspended: func(w *world) { w.Apply("partners", "52272", partner("suspended")) },
		ReasonSecretChanged: func(w *world) {
			w.Apply("partnerclients", "juegos", `{"partner":"52272","secret":"another-long-secret","apis":["charge"]}`)
		},
		ReasonClientUnknown: func(w *world) {
			if _, err := w.DB.Exec(t.Context(), "DELETE FROM subscription.catalogue WHERE id = 'juegos'"); err != nil {
				t.Fatal(err)
			}
			if err := w.Load(t.Context()); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(reason, func(t *testing.T) {
			w := newWorld(t)
			token := w.issue("juegos", contract.APICharge)
			if !w.verify(token, contract.APICharge).Active { // it is remembered from now on
				t.Fatal("it opens nothing")
			}
			w.t = t
			end(w)
			if got := w.verify(token, contract.APICharge); got != (contract.TokenVerdict{Reason: reason}) {
				t.Errorf("%+v", got)
			}
			w.Credentials = w.replica(w.Catalogue.Replica()) // one that remembers nothing
			if got := w.verify(token, contract.APICharge); got != (contract.TokenVerdict{Reason: reason}) {
				t.Errorf("elsewhere: %+v", got)
			}
		})
	}
}

func TestTokensThatNobodyGave(t *testing.T) {
	w := newWorld(t)
	for _, token := range []string{"", "x", strings.Repeat("a", 32), strings.Repeat("a", 33), strings.Repeat("ñ", 16), strings.Repeat("x", 1<<20)} {
		if got := w.verify(token, contract.APICharge); got != (contract.TokenVerdict{Reason: ReasonUnknown}) {
			t.Errorf("%.40q: %+v", token, got)
		}
	}
}

// That a token was not there once is not remembered: another process may give it the next moment.
func TestUnknownTokenIsNotRemembered(t *testing.T) {
	w := newWorld(t)
	token := w.issue("juegos", contract.APICharge)
	if _, err := w.DB.Exec(t.Context(), "UPDATE subscription.tokens SET hash = hash || '\\x00'::bytea"); err != nil {
		t.Fatal(err)
	}
	if w.verify(token, "").Active {
		t.Fatal("it is there")
	}
	if _, err := w.DB.Exec(t.Context(), "UPDATE subscription.tokens SET hash = substring(hash FROM 1 FOR 32)"); err != nil {
		t.Fatal(err)
	}
	if !w.verify(token, "").Active {
		t.Error("it was remembered as unknown")
	}
}

func TestWhoGetsNoToken(t *testing.T) {
	for name, test := range map[string]struct {
		in   contract.TokenRequest
		kind problem.Kind
		code string
	}{
		"unknown client":   {request("nadie", secret, contract.APICharge, "a"), problem.Unauthenticated, contract.CodeInvalidClient},
		"wrong secret":     {request("juegos", secret+"x", contract.APICharge, "a"), problem.Unauthenticated, contract.CodeInvalidClient},
		"no secret":        {request("juegos", "", contract.APICharge, "a"), problem.Unauthenticated, contract.CodeInvalidClient},
		"disabled client":  {request("apagado", secret, contract.APICharge, "a"), problem.Unauthenticated, contract.CodeInvalidClient},
		"API not its own":  {request("mensajes", secret, contract.APICharge, "a"), problem.Forbidden, contract.CodeUnauthorizedClient},
		"API of nobody":    {request("juegos", secret, "others", "a"), problem.Forbidden, contract.CodeUnauthorizedClient},
		"the fingerprint":  {request("juegos", catalogue.NewSecret(secret).Fingerprint(), contract.APICharge, "a"), problem.Unauthenticated, contract.CodeInvalidClient},
		"nobody's nothing": {request("", "", contract.APICharge, ""), problem.Unauthenticated, contract.CodeInvalidClient},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			token, err := w.IssueToken(t.Context(), test.in)
			wantError(t, err, test.kind, test.code)
			if token != (contract.Token{}) || w.count("SELECT count(*) FROM subscription.tokens") != 0 {
				t.Error("a token was given")
			}
			failed := 0
			if test.kind == problem.Unauthenticated {
				failed = 2 // of the client and of the address
			}
			if n := w.count("SELECT coalesce(sum(count), 0) FROM subscription.counts"); n != failed {
				t.Errorf("%d failures are counted, not %d", n, failed)
			}
		})
	}
}

// Of 200 parallel guesses over two replicas ten are looked at in a minute, and then even the right secret
// is refused; in the next minute it is right again.
func TestFailuresAreCountedTogether(t *testing.T) {
	for name, address := range map[string]func(i int) string{
		"per client":  func(i int) string { return fmt.Sprintf("198.51.100.%d", i) },
		"per address": func(int) string { return "2001:db8:0:1::7" },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			replicas := []*Credentials{w.Credentials, w.replica(w.Catalogue.Replica())}
			var mu sync.Mutex
			outcomes := map[string]int{}
			var all sync.WaitGroup
			for i := range 200 {
				all.Go(func() {
					client := "juegos"
					if name == "per address" {
						client = fmt.Sprintf("nadie%d", i)
					}
					_, err := replicas[i%2].IssueToken(t.Context(), request(client, "guess", contract.APICharge, address(i)))
					mu.Lock()
					defer mu.Unlock()
					outcomes[problem.Of(err).Code]++
				})
			}
			all.Wait()
			if outcomes[contract.CodeInvalidClient] != failures || outcomes[contract.CodeTooManyFailures] != 200-failures {
				t.Errorf("%v", outcomes)
			}
			// A blocked client's guesses do not count for their addresses, nor the other way round.
			if n := w.count("SELECT coalesce(sum(count), 0) FROM subscription.counts"); n != 2*failures {
				t.Errorf("%d counted", n)
			}
			_, err := w.IssueToken(t.Context(), request("juegos", secret, contract.APICharge, "2001:db8:0:1::8"))
			wantError(t, err, problem.Quota, contract.CodeTooManyFailures)
			if wait := problem.Of(err).RetryAfter; wait != 59*time.Second {
				t.Errorf("wait %v", wait)
			}
			w.at = w.at.Add(59 * time.Second)
			w.issue("juegos", contract.APICharge)
		})
	}
}

// A right secret is found right in line with the failures: while the tenth is being written down it waits,
// and is refused. Else the right one of many parallel guesses would always win.
func TestRightSecretWaitsForFailures(t *testing.T) {
	w := newWorld(t)
	for range failures - 1 {
		_, err := w.IssueToken(t.Context(), request("juegos", "guess", contract.APICharge, "192.0.2.1"))
		wantError(t, err, problem.Unauthenticated, contract.CodeInvalidClient)
	}
	tx, err := w.DB.Begin(t.Context()) // the tenth, in another process
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback(context.Background()) }()
	if _, err := tx.Exec(t.Context(), "UPDATE subscription.counts SET count = count + 1"); err != nil {
		t.Fatal(err)
	}
	asked := make(chan error)
	go func() {
		_, err := w.IssueToken(t.Context(), request("juegos", secret, contract.APICharge, "192.0.2.2"))
		asked <- err
	}()
	for w.count("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'") == 0 {
		select {
		case err := <-asked:
			t.Fatalf("it did not wait: %v", err)
		default:
		}
	}
	if err := tx.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	wantError(t, <-asked, problem.Quota, contract.CodeTooManyFailures)
}

// Right requests do not use up what may fail, however many there are.
func TestRightRequestsAreNotCounted(t *testing.T) {
	w := newWorld(t)
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			if _, err := w.IssueToken(t.Context(), request("juegos", secret, contract.APICharge, "192.0.2.1")); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
}

func TestDatabaseAway(t *testing.T) {
	w := newWorld(t)
	token := w.issue("juegos", contract.APICharge)
	away, err := database.Open(t.Context(), database.Config{URL: config.NewSecret("postgres://127.0.0.1:1/none")}, "", databasetest.Logger(t), prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	defer away.Close()
	w.db = away
	for _, value := range []string{secret, "guess"} {
		_, err := w.IssueToken(t.Context(), request("juegos", value, contract.APICharge, "a"))
		wantError(t, err, problem.Unavailable, "")
	}
	_, err = w.VerifyToken(t.Context(), contract.TokenQuery{Token: token})
	wantError(t, err, problem.Unavailable, "")
	_, err = w.VerifyRedirect(t.Context(), contract.RedirectQuery{Token: token})
	wantError(t, err, problem.Unavailable, "")
}

func TestBeforeTheCatalogueIsLoaded(t *testing.T) {
	w := newWorld(t)
	empty := catalogue.NewStore(w.DB, w.Ring, databasetest.Logger(t), prometheus.NewRegistry())
	c := w.replica(empty)
	_, err := c.IssueToken(t.Context(), request("juegos", secret, contract.APICharge, "a"))
	wantError(t, err, problem.Unavailable, "")
	_, err = c.VerifyToken(t.Context(), contract.TokenQuery{Token: strings.Repeat("a", 32)})
	wantError(t, err, problem.Unavailable, "")
	_, err = c.VerifyRedirect(t.Context(), contract.RedirectQuery{Token: "a"})
	wantError(t, err, problem.Unavailable, "")
}

func TestPrune(t *testing.T) {
	w := newWorld(t)
	old := w.issue("juegos", contract.APICharge)
	_, _ = w.IssueToken(t.Context(), request("juegos", "guess", contract.APICharge, "a"))
	w.at = w.at.Add(30 * time.Minute)
	young := w.issue("juegos", contract.APICharge)
	w.at = w.at.Add(30*time.Minute + time.Second)
	if err := w.Prune(context.Background()); err != nil {
		t.Fatal(err)
	}
	if w.count("SELECT count(*) FROM subscription.tokens") != 1 || w.count("SELECT count(*) FROM subscription.counts") != 0 {
		t.Error("what is over is kept, or what is not is gone")
	}
	if w.verify(old, "").Active || !w.verify(young, "").Active {
		t.Error("the wrong one is gone")
	}
}

func TestConfig(t *testing.T) {
	for life, ok := range map[time.Duration]bool{
		time.Hour: true, time.Minute: true, 24 * time.Hour: true, 0: false, 59 * time.Second: false, 25 * time.Hour: false, time.Hour + time.Millisecond: false,
	} {
		if err := (Config{Life: life}).Validate(); (err == nil) != ok {
			t.Errorf("%v: %v", life, err)
		}
	}
}
