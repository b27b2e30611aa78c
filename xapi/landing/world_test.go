package landing

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"puente/contracts/papi/subscription"
	"puente/shared/config"
	"puente/shared/database/databasetest"
	"puente/shared/hop"
	"puente/shared/phone"
	"puente/shared/problem"
	"puente/shared/server"
)

// hub is the subscription process, played: it does what it was told, and remembers what it was asked.
type hub struct {
	mu        sync.Mutex
	fails     map[string]error // by operation
	terms     subscription.Terms
	came      subscription.Enrolment
	offers    []subscription.OfferQuery
	handles   []subscription.HandleRequest
	flows     []subscription.FlowRequest
	confirmed []subscription.Confirmation
	resent    int
}

func (h *hub) did(operation string, note func()) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if err := h.fails[operation]; err != nil {
		return err
	}
	note()
	return nil
}

func (h *hub) DescribeOffer(_ context.Context, in subscription.OfferQuery) (out subscription.Terms, err error) {
	return out, h.did("describe", func() { h.offers, out = append(h.offers, in), h.terms })
}

func (h *hub) MintHandle(_ context.Context, in subscription.HandleRequest) (subscription.Handle, error) {
	return subscription.Handle{Handle: "the-handle"}, h.did("mint", func() { h.handles = append(h.handles, in) })
}

func (h *hub) StartFlow(_ context.Context, in subscription.FlowRequest) (subscription.Flow, error) {
	flow := subscription.Flow{ID: "f1", Proof: subscription.ProofPIN, Masked: "569****5678", Amount: 990, Currency: "CLP", ResendAt: time.Now().Add(time.Minute)}
	if in.Handle != "" {
		flow.Proof = subscription.ProofHE
	}
	return flow, h.did("start", func() { h.flows = append(h.flows, in) })
}

func (h *hub) ResendPIN(context.Context, subscription.FlowQuery) (subscription.Flow, error) {
	return subscription.Flow{ID: "f1", Proof: subscription.ProofPIN, Masked: "569****5678", Amount: 990, Currency: "CLP"}, h.did("resend", func() { h.resent++ })
}

func (h *hub) ConfirmFlow(_ context.Context, in subscription.Confirmation) (out subscription.Enrolment, err error) {
	return out, h.did("confirm", func() { h.confirmed, out = append(h.confirmed, in), h.came })
}

func (h *hub) QueryEnrolment(context.Context, subscription.FlowQuery) (out subscription.Enrolment, err error) {
	return out, h.did("query", func() { out = h.came })
}

// set changes what the process does from now on.
func (h *hub) set(change func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	change()
}

// layer is the process's, hosted beside the pages.
func (h *hub) layer() server.Layer {
	return server.Layer{Name: "papi", APIs: []server.API{{Contract: &subscription.Contract, Mount: func(env *server.Env) error {
		server.Handle(env, subscription.DescribeOffer, h.DescribeOffer)
		server.Handle(env, subscription.MintHandle, h.MintHandle)
		server.Handle(env, subscription.StartFlow, h.StartFlow)
		server.Handle(env, subscription.ResendPIN, h.ResendPIN)
		server.Handle(env, subscription.ConfirmFlow, h.ConfirmFlow)
		server.Handle(env, subscription.QueryEnrolment, h.QueryEnrolment)
		none(env, subscription.IssueToken)
		none(env, subscription.VerifyToken)
		none(env, subscription.VerifyRedirect)
		none(env, subscription.Charge)
		none(env, subscription.QueryCharge)
		none(env, subscription.SendMessage)
		none(env, subscription.OptOut)
		return nil
	}}}}
}

// none serves an operation that no page asks for.
func none[In, Out any](env *server.Env, op hop.Operation[In, Out]) {
	server.Handle(env, op, func(context.Context, In) (out Out, err error) {
		return out, problem.Errorf(problem.Internal, "asked for %s", op.ID)
	})
}

// world is the pages with a process that is played, and a browser that shows none of them by itself.
type world struct {
	*hub
	t       *testing.T
	at      server.Addresses
	browser *http.Client
}

const entry = "/ads/juegos?partnerId=52272&serviceId=2000001784&productId=1020&tid=QWERT"

func newWorld(t *testing.T, settings string) *world {
	w := &world{t: t, browser: newBrowser(t), hub: &hub{
		fails: map[string]error{}, came: subscription.Enrolment{State: subscription.EnrolmentActive, SubscriptionID: 7, Redirect: "sealed+token="},
		terms: subscription.Terms{
			Partner: "Juegos Andinos", Service: "Juegos", Product: "Juegos ilimitados", Amount: 990, Currency: "CLP", Period: &subscription.Period{Unit: subscription.UnitWeek, Count: 1},
			Country: phone.Chile, TimeZone: "America/Santiago", Operator: "Entel", ShortCode: "8888", OptOutWord: "SALIR", Keyword: "JUEGOS",
			SuccessURL: "https://partner.example/ok?a=1&token=forged&tid=forged", ErrorURL: "https://partner.example/bad",
		},
	}}
	key := make([]byte, 32)
	_, _ = rand.Read(key)
	file := filepath.Join(t.TempDir(), "landing.yaml")
	text := fmt.Sprintf("dataDir: %q\npublic: {addr: '127.0.0.1:0'}\nplain: {addr: '127.0.0.1:0'}\ninternal: {addr: '127.0.0.1:0'}\nops: {addr: '127.0.0.1:0'}\ndrain: {delay: 0s}\nlayers: {serviceKey: %q}\n",
		t.TempDir(), base64.StdEncoding.EncodeToString(key)) + settings
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	tree, err := config.Load(file, nil)
	if err != nil {
		t.Fatal(err)
	}
	ready, ended := make(chan server.Addresses, 1), make(chan error, 1)
	cfg := server.Config{Tree: tree, DatabaseURL: databasetest.New(t).Config().ConnString(), Log: t.Output(), Ready: func(at server.Addresses) error { ready <- at; return nil }}
	ctx, cancel := context.WithCancel(context.Background())
	go func() { ended <- server.Run(ctx, cfg, w.layer(), server.Layer{Name: "xapi", APIs: []server.API{API}}) }()
	select {
	case w.at = <-ready:
	case err := <-ended:
		cancel()
		t.Fatal(err)
	}
	t.Cleanup(func() {
		w.browser.CloseIdleConnections()
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return w
}

func newBrowser(t *testing.T) *http.Client {
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	return &http.Client{Jar: jar, Transport: &http.Transport{}, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// page is an answer, as a test looks at it.
type page struct {
	status   int
	header   http.Header
	text     string
	location string
}

// ask sends a request, and wants of its answer what every answer has.
func (w *world) ask(method, target string, body io.Reader, headers ...string) page {
	w.t.Helper()
	if !strings.HasPrefix(target, "http") {
		target = "http://" + w.at.Public + target
	}
	req, err := http.NewRequest(method, target, body)
	if err != nil {
		w.t.Fatal(err)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	req.Header.Set("User-Agent", "browser")
	for i := 0; i < len(headers); i += 2 {
		if headers[i] == "Content-Type" {
			req.Header.Del(headers[i])
		}
		req.Header.Add(headers[i], headers[i+1])
	}
	resp, err := w.browser.Do(req)
	if err != nil {
		w.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	for name, value := range guards {
		if name != "Cache-Control" && resp.Header.Get(name) != value {
			w.t.Errorf("%s %s: %s is %q", method, target, name, resp.Header.Get(name))
		}
	}
	return page{resp.StatusCode, resp.Header, string(text), resp.Header.Get("Location")}
}

func (w *world) get(target string, headers ...string) page {
	return w.ask(http.MethodGet, target, nil, headers...)
}

var hidden = regexp.MustCompile(`name="visit" value="([^"]*)"`)

// visit is the sealed field of a page's first form.
func (p page) visit(t *testing.T) string {
	t.Helper()
	found := hidden.FindStringSubmatch(p.text)
	if found == nil {
		t.Fatalf("%d: no form: %.400s", p.status, p.text)
	}
	return html.UnescapeString(found[1])
}

// send sends the form of a page to a step of campaign juegos.
func (w *world) send(p page, step string, fields ...string) page {
	w.t.Helper()
	form := url.Values{"visit": {p.visit(w.t)}}
	for i := 0; i < len(fields); i += 2 {
		form.Set(fields[i], fields[i+1])
	}
	return w.post("/ads/juegos/"+step, form)
}

func (w *world) post(target string, form url.Values, headers ...string) page {
	return w.ask(http.MethodPost, target, strings.NewReader(form.Encode()), headers...)
}

// follow goes where an answer sends.
func (w *world) follow(p page) page {
	w.t.Helper()
	if p.status != http.StatusSeeOther || !strings.HasPrefix(p.location, "/ads/") {
		w.t.Fatalf("%d to %q: %.300s", p.status, p.location, p.text)
	}
	return w.get(p.location)
}

// shows wants a page of a status with each of texts.
func (w *world) shows(p page, status int, texts ...string) {
	w.t.Helper()
	if p.status != status {
		w.t.Errorf("status %d, want %d", p.status, status)
	}
	for _, text := range texts {
		if !strings.Contains(p.text, text) {
			w.t.Errorf("the page lacks %q: %s", text, p.text)
		}
	}
}

// onPIN is the page that asks for the PIN.
func (w *world) onPIN() page {
	w.t.Helper()
	return w.follow(w.send(w.get(entry), "msisdn", "msisdn", "9 1234-5678", "operator", "own"))
}
