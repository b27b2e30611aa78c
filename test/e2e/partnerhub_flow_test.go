package e2e

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"regexp"
	"slices"
	"testing"
	"time"

	"puente/contracts/papi/subscription"
	"puente/shared/config"
	"puente/shared/hop"
	"puente/shared/keyring"
	"puente/shared/telemetry"
)

// inner is the process that serves the process APIs to other processes. Where all layers are in one and call
// each other by typed hops, it serves them to nobody else: then a second process has the inner layers, too, as
// it would for landing pages elsewhere, and shares the first one's database and work.
func (p *platform) inner(t testing.TB) *process {
	t.Helper()
	if one := p.processLayer(); one.at.Internal != "" {
		return one
	}
	p.hub.begin.Do(func() {
		one := &process{name: p.shape.name + "-aside", args: append([]string{"--layers", "sapi,papi"}, p.shape.processes[0]...)}
		one.config = filepath.Join(p.dir, one.name+".yaml")
		p.hub.aside = append(p.hub.aside, one)
		p.write(t, one, p.key, p.callback)
		one.start(t)
	})
	if len(p.hub.aside) == 0 || p.hub.aside[0].at.Internal == "" {
		t.Fatal("no process serves the process APIs")
	}
	return p.hub.aside[0]
}

// layers dials the process layer as the experience layer does.
type layers struct {
	remote hop.Remote
}

// Peer implements hop.Dialer.
func (l *layers) Peer(c *hop.Contract) hop.Peer {
	remote := l.remote
	remote.Layer = c.Layer
	return hop.Away(c, &remote)
}

// flows is the client that a landing page would have.
func (p *platform) flows(t testing.TB) *subscription.Client {
	t.Helper()
	ring, err := keyring.New([]keyring.Key{{ID: "e2e", Secret: config.NewSecret(p.key)}}, "e2e")
	if err != nil {
		t.Fatal(err)
	}
	return subscription.NewClient(dialer(t, p.inner(t).at.Internal, p.key, ring))
}

// dialer reaches an internal listener with the key by which its layers trust each other, and with what the ring
// makes of that.
func dialer(t testing.TB, internal, serviceKey string, ring *keyring.Ring) *layers {
	t.Helper()
	key, err := base64.StdEncoding.DecodeString(serviceKey)
	if err != nil {
		t.Fatal(err)
	}
	services, err := hop.NewServices(key)
	if err != nil {
		t.Fatal(err)
	}
	sum := ring.MAC("hop.jwe", key)
	sealer, err := keyring.NewJWE([]keyring.JWEKey{keyring.DirectKey("derived", sum[:])}, "derived")
	if err != nil {
		t.Fatal(err)
	}
	return &layers{hop.Remote{URL: "http://" + internal, Caller: "xapi", Services: services, Sealer: sealer, Transport: hopping}}
}

// hopping keeps the connections of such hops.
var hopping = &http.Transport{MaxIdleConnsPerHost: 16, DisableCompression: true}

// visit is the context of a call of a landing page.
func visit() (context.Context, context.CancelFunc) {
	ctx := telemetry.WithIdentity(context.Background(), fmt.Sprintf("VISIT-%d", rand.Int64()), telemetry.NewTrace())
	return context.WithTimeout(ctx, 15*time.Second)
}

var digits = regexp.MustCompile(`^[0-9]{6}\b`)

// start begins a flow for a number, each from an address of its own.
func (h *hubPartner) start(flows *subscription.Client, msisdn string) (subscription.Flow, error) {
	ctx, cancel := visit()
	defer cancel()
	address := fmt.Sprintf("10.%d.%d.%d", rand.IntN(256), rand.IntN(256), rand.IntN(256))
	return flows.StartFlow(ctx, subscription.FlowRequest{
		Campaign: map[string]string{"JUEGOS": "juegos", "MUSICA": "musica"}[h.keyword], PartnerID: h.id, ServiceID: h.service, ProductID: h.subscription, Channel: "WEB",
		TID: "QWERT", MSISDN: msisdn, Address: address, UserAgent: "e2e",
	})
}

// confirm agrees to what was shown.
func (h *hubPartner) confirm(flows *subscription.Client, flow subscription.Flow, pin string) (subscription.Enrolment, error) {
	ctx, cancel := visit()
	defer cancel()
	return flows.ConfirmFlow(ctx, subscription.Confirmation{
		ID: flow.ID, PIN: pin, Texts: "2026-11", Screens: []string{"offer", "pin"}, Amount: flow.Amount, Currency: flow.Currency, Address: "10.0.0.1", UserAgent: "e2e",
	})
}

// pin is the last that a phone got, if more messages came than it had.
func (p *platform) pin(msisdn string, had int) string {
	messages := p.sandbox.SMSC.Messages(msisdn)
	for _, m := range slices.Backward(messages[min(had, len(messages)):]) {
		if pin := digits.FindString(m.Text); pin != "" {
			return pin
		}
	}
	return ""
}

// subscribe subscribes a number, and returns what came of it.
func (h *hubPartner) subscribe(t testing.TB, msisdn string) subscription.Enrolment {
	t.Helper()
	flows, had := h.p.flows(t), len(h.p.sandbox.SMSC.Messages(msisdn))
	flow, err := h.start(flows, msisdn)
	if err != nil {
		t.Fatal(err)
	}
	if flow.Proof != subscription.ProofPIN || flow.Amount != hubWeeklyPrice || flow.Currency != "CLP" || flow.Masked == msisdn {
		t.Errorf("flow %+v", flow)
	}
	pin := ""
	eventually(t, within, "the phone has the PIN", func() bool { pin = h.p.pin(msisdn, had); return pin != "" })
	done, err := h.confirm(flows, flow, pin)
	if err != nil {
		t.Fatal(err)
	}
	return done
}

// subscribed is subscribe where it must come true, all of it: the partner and the user were told.
func (h *hubPartner) subscribed(t testing.TB, msisdn string) int64 {
	t.Helper()
	done := h.subscribe(t, msisdn)
	if done.State != subscription.EnrolmentActive || done.SubscriptionID == 0 {
		t.Fatalf("enrolment %+v", done)
	}
	return done.SubscriptionID
}

// hubSubscription is a subscription, as operators see it.
type hubSubscription struct {
	State        string    `json:"state"`
	PaidUntil    time.Time `json:"paidUntil"`
	CancelReason string    `json:"cancelReason"`
	CancelCause  string    `json:"cancelCause"`
	Charges      []struct {
		Key, Kind, State string
		Amount           int64
	} `json:"charges"`
}

// subscription asks the admin API for one.
func (p *platform) subscription(t testing.TB, id int64) (s hubSubscription) {
	t.Helper()
	status, body := p.admin(t, p.processLayer(), http.MethodGet, fmt.Sprint("/admin/v1/subscriptions/", id), "")
	if err := json.Unmarshal([]byte(body), &s); err != nil || status != http.StatusOK {
		t.Fatalf("subscription %d: %d %s", id, status, body)
	}
	return s
}

// awaitSubscription waits until one is in a state.
func (p *platform) awaitSubscription(t testing.TB, id int64, state string) hubSubscription {
	t.Helper()
	var s hubSubscription
	eventually(t, within, "the subscription is "+state, func() bool { s = p.subscription(t, id); return s.State == state })
	return s
}

// awaitText waits until a phone has a message with a text in it.
func (p *platform) awaitText(t testing.TB, msisdn, part string) {
	t.Helper()
	eventually(t, within, "the phone reads "+part, func() bool { return p.texts(msisdn, part) > 0 })
}

// texts is how many messages of a phone have a text in them.
func (p *platform) texts(msisdn, part string) (n int) {
	pattern := regexp.MustCompile(part)
	for _, m := range p.sandbox.SMSC.Messages(msisdn) {
		if pattern.MatchString(m.Text) {
			n++
		}
	}
	return n
}

// write has a phone send a message to the partner's short code, and waits until it was taken.
func (h *hubPartner) write(t testing.TB, msisdn, text string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), within)
	defer cancel()
	mo, err := h.p.sandbox.SMSC.Send(ctx, msisdn, h.shortCode, text)
	if err != nil || len(mo.Statuses) == 0 || mo.Statuses[0]/100 != 2 {
		t.Fatalf("message of %s: %v %v", msisdn, err, mo.Statuses)
	}
}
