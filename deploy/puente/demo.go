package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"puente/shared/access"
	"puente/shared/admin"
	"puente/shared/clock"
	"puente/shared/config"
	"puente/shared/problem"
	"puente/shared/server"
	"puente/test/sandbox"
	"puente/test/sandbox/oauthprovider"
	"puente/test/sandbox/smsc"
)

// demo is everything on loopback: the sandbox, its clients, and what tells where all is.
type demo struct {
	file    string // the configuration
	dir     string
	notes   notes
	before  string // where the sandbox was when the demo last ran; empty: it did not
	sandbox *sandbox.Sandbox
	clock   atomic.Pointer[clock.Clock] // of business time; nil until the database is there
	stop    func()
}

// notes is <data-dir>/demo.json: what a program needs to use the demo. Members may be added,
// never changed.
type notes struct {
	Public   string                `json:"public"`
	Ops      string                `json:"ops"`
	Sandbox  string                `json:"sandbox"`
	TokenURL string                `json:"token_url"`
	Clients  map[string]demoClient `json:"clients"`
	Admin    adminNote             `json:"admin"`
	SMS      smsNote               `json:"sms"`
	Hub      hubNote               `json:"hub"`
	Landing  landingNote           `json:"landing"`
	PID      int                   `json:"pid"`
	Version  string                `json:"version"`
}

type demoClient struct {
	ID        string            `json:"client_id"`
	Secret    string            `json:"client_secret"`
	System    string            `json:"system,omitempty"`
	PartnerID int64             `json:"partner_id,omitempty"`
	TokenURLs map[string]string `json:"token_urls,omitempty"` // of a partner, by API: it has tokens of the hub's, not of the provider's
	Scopes    []string          `json:"scopes"`
}

// smsNote is where phones get and send messages, and where the sandbox hands these over.
type smsNote struct {
	Inbox  string `json:"inbox"` // ?to=56912345678
	Send   string `json:"send"`
	Secret string `json:"secret"` // of the gateway's callbacks
}

// hubNote is what a partner of the hub's holds to read what it is told.
type hubNote struct {
	WebhookSecret string `json:"webhook_secret"` // of all partners' notifications
	Key16         string `json:"key16"`          // of redirect tokens: 52272's, ecb-pkcs5
	Key32         string `json:"key32"`          // 60001's, gcm
	Told          string `json:"told"`           // what partners received
}

type adminNote struct {
	User     string `json:"user"`
	Password string `json:"password"`
	Token    string `json:"token"`
}

// startDemo starts the sandbox and writes the configuration that points at it.
func startDemo(ctx context.Context, env []string, file string) (*demo, error) {
	d := &demo{dir: get(env, "PUENTE_DATA_DIR", server.DefaultDataDir())}
	if err := os.MkdirAll(d.dir, 0o711); err != nil {
		return nil, fmt.Errorf("data directory: %w", err)
	}
	lock, err := lockDemo(d.dir)
	if err != nil {
		return nil, err
	}
	defer func() {
		if d.stop == nil {
			_ = lock.Close() // the start failed
		}
	}()
	d.notes = d.remembered()
	s, err := sandbox.New(sandbox.Config{
		Addr: get(env, "PUENTE_SANDBOX_ADDR", "127.0.0.1:9100"), Clients: d.oauthClients(),
		Clock: &sandbox.Clock{Offset: d.offset, SetOffset: d.setOffset},
	})
	if err != nil {
		return nil, err
	}
	listener, err := s.Listen()
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	serving, cancel := context.WithCancel(context.WithoutCancel(ctx))
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(serving, listener) }()
	d.sandbox = s
	d.stop = func() { cancel(); <-ended; _ = lock.Close() }
	d.before = d.notes.Sandbox
	d.notes.Sandbox, d.notes.TokenURL = s.URL(), s.URL()+"/oauth2/token"
	d.notes.SMS.Inbox, d.notes.SMS.Send = s.URL()+"/_sandbox/smsc/messages", s.URL()+"/_sandbox/smsc/mo"
	if d.file = file; file == "" {
		d.file = filepath.Join(d.dir, "demo.yaml")
		if err := writeWhole(d.file, d.configuration()); err != nil {
			d.stop()
			return nil, err
		}
	}
	return d, nil
}

// offset is by how much business time is moved.
func (d *demo) offset(ctx context.Context) (time.Duration, error) {
	if c := d.clock.Load(); c != nil {
		return c.Offset(ctx)
	}
	return 0, errStarting
}

func (d *demo) setOffset(ctx context.Context, by time.Duration) error {
	if c := d.clock.Load(); c != nil {
		return c.SetOffset(ctx, by)
	}
	return errStarting
}

var errStarting = &problem.Error{Kind: problem.Unavailable, RetryAfter: time.Second, Detail: "The platform is starting"}

// lockDemo keeps a second demo out of dir before it replaces a file of the first. The kernel frees
// the lock however the process ends.
func lockDemo(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, "demo.lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("data directory: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, errors.Join(fmt.Errorf("another demo runs in %s; PUENTE_DATA_DIR names another directory", dir), f.Close())
	}
	return f, nil
}

// channelAPIs are those that the demo's channels may call; each is also the scope that it asks for.
var channelAPIs = []string{"portabilities", "reconexion", "validatetv", "normalizetv"}

// remembered are the notes of the last demo in this directory, so that its secrets stay good; or
// fresh ones.
func (d *demo) remembered() notes {
	n := notes{Clients: map[string]demoClient{
		"tienda":     {System: "TIENDA", Scopes: slices.Clone(channelAPIs)},
		"miEtb":      {System: "MiETB", Scopes: append(slices.Clone(channelAPIs), "tmforum")},
		"chatbot":    {System: "MAX", Scopes: slices.Clone(channelAPIs)},
		"kiosk":      {System: "KIOSKOS", Scopes: slices.Clone(channelAPIs)},
		"unentitled": {Scopes: []string{}},
		partner:      {PartnerID: 52272, Scopes: []string{}},
	}}
	var last notes
	if text, err := os.ReadFile(filepath.Join(d.dir, "demo.json")); err == nil {
		_ = json.Unmarshal(text, &last) // what cannot be read is made anew
	}
	for name, c := range n.Clients {
		c.ID, c.Secret = "demo-"+name, last.Clients[name].Secret
		if c.Secret == "" {
			c.Secret = rand.Text()
		}
		n.Clients[name] = c
	}
	n.Sandbox = last.Sandbox
	n.Admin = adminNote{User: "admin", Password: last.Admin.Password, Token: last.Admin.Token}
	if n.Admin.Token == "" || n.Admin.Password == "" {
		n.Admin.Password, n.Admin.Token = rand.Text(), rand.Text()
	}
	if n.SMS.Secret = last.SMS.Secret; n.SMS.Secret == "" {
		n.SMS.Secret = rand.Text()
	}
	if n.Hub = last.Hub; n.Hub.WebhookSecret == "" {
		n.Hub = hubNote{WebhookSecret: "whsec_" + secretOf(32), Key16: secretOf(16), Key32: secretOf(32)}
	}
	n.PID, n.Version = os.Getpid(), version()
	return n
}

// secretOf is base64 of so many random bytes.
func secretOf(size int) string {
	b := make([]byte, size)
	_, _ = rand.Read(b) // never fails
	return base64.StdEncoding.EncodeToString(b)
}

// partner is the demo's client of a content partner.
const partner = "partner"

// introspector is the client by which the platform itself asks the provider.
const introspector = "puente"

func (d *demo) oauthClients() []oauthprovider.Client {
	clients := []oauthprovider.Client{{ClientID: introspector, Secret: config.NewSecret(d.notes.Admin.Password), Name: "The platform"}}
	for name, c := range d.notes.Clients {
		if name == partner {
			continue
		}
		clients = append(clients, oauthprovider.Client{ClientID: c.ID, Secret: config.NewSecret(c.Secret), Scopes: c.Scopes, Name: name})
	}
	return clients
}

// configuration is the demo's: what differs from the defaults.
func (d *demo) configuration() []byte {
	base := d.notes.Sandbox
	return fmt.Appendf(nil, `# Written by puente run --demo at each start. Copy it to make a configuration of your own.
log: {format: text, level: warn}
drain: {delay: 200ms}
admin:
  tokens:
    demo: {secret: %q, role: admin}
policies:
  token: {audience: %q}
papi:
  subscription:
    notifications: {allow: [%q], plain: true}   # the partners' servers, on loopback
sapi:
  salesorder:
    http: {url: %q}
  inventory:
    http: {url: %q}
  orders:
    http: {url: %q}
  pqr:
    http: {url: %q}
  subscriber:
    http: {url: %q}
  headerenrichment:
    operators: [{name: ENTEL, country: CL, networks: [127.0.0.2/32], headers: [X-MSISDN]}]   # where the sandbox plays its proxy
  tvplatforms:
    ftth: {http: {url: %q}}
    hfc: {http: {url: %q}}
    iptv: {http: {url: %q}}
  carrierbilling:
    http: {url: %q}
  smsc:
    http: {url: %q}
    username: demo
    password: %q
  smsccallbacks:
    secret: %q
  oauth2:
    http: {url: %q}
    issuer: %q
    audience: %q
    introspection: {client: %s, secret: %q}
`, d.notes.Admin.Token, oauthprovider.DefaultAudience, strings.TrimPrefix(base, "http://"), base+"/botservice", base+"/inventory", base+"/orders", base+"/pqr", base+"/subscriber",
		base+"/tvplatforms/ftth", base+"/tvplatforms/hfc", base+"/tvplatforms/iptv", base+"/carrierbilling",
		base+"/smsc", d.notes.SMS.Secret, d.notes.SMS.Secret, base, base, oauthprovider.DefaultAudience, introspector, d.notes.Admin.Password)
}

// seed puts the demo's clients into the tables, as often as it is called.
func (d *demo) seed(ctx context.Context, store *access.Store) error {
	e := access.Entities{
		Tiers: []admin.Named[access.TierSpec]{{ID: "default", Spec: access.TierSpec{
			Limits: []access.LimitSpec{{Requests: 1000, Window: admin.Duration(time.Minute)}},
		}}},
	}
	for name, c := range d.notes.Clients {
		client := access.ClientSpec{Name: name}
		if name == partner {
			client.Contracts = []access.ContractSpec{{API: "partnerhub", Tier: "default"}}
		}
		if c.System != "" {
			e.Systems = append(e.Systems, admin.Named[access.SystemSpec]{ID: c.System})
			client.Systems = []string{c.System}
			apis := channelAPIs
			if slices.Contains(c.Scopes, "tmforum") {
				apis = append(slices.Clone(apis), "tmf621", "tmf640", "tmf641", "tmf653")
			}
			for _, api := range apis {
				client.Contracts = append(client.Contracts, access.ContractSpec{API: api, Tier: "default"})
			}
		}
		e.Clients = append(e.Clients, admin.Named[access.ClientSpec]{ID: c.ID, Spec: client})
	}
	return store.Seed(ctx, e)
}

// ready writes demo.json, whole or not at all, and prints the banner.
func (d *demo) ready(at server.Addresses) error {
	d.notes.Public, d.notes.Ops = "http://"+at.Public, "http://"+at.Operations
	d.notes.Hub.Told = d.notes.Sandbox + "/_sandbox/ledger/partner"
	hub := d.notes.Clients[partner]
	hub.TokenURLs = map[string]string{}
	for _, api := range []string{"charge", "sendmt", "suboptout"} {
		hub.TokenURLs[api] = d.notes.Public + "/" + api + "/oauth2/token"
	}
	d.notes.Clients[partner] = hub
	if err := d.seedTables(context.Background()); err != nil {
		return err
	}
	if err := d.movePartners(context.Background()); err != nil {
		return err
	}
	d.tellGateway(at)
	if err := d.tellPhone(); err != nil {
		return err
	}
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false) // links are to be copied
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(d.notes); err != nil {
		return err
	}
	if err := writeWhole(filepath.Join(d.dir, "demo.json"), text.Bytes()); err != nil {
		return err
	}
	fmt.Print(d.banner())
	return nil
}

// tellGateway tells the sandbox's SMS gateway where messages of phones go, as the configuration of its
// sms-service would.
func (d *demo) tellGateway(at server.Addresses) {
	d.sandbox.SMSC.Configure(func(s *smsc.Settings) {
		s.MOURL = "http://" + at.Callbacks + "/callbacks/smsc/messages?secret=" + d.notes.SMS.Secret +
			"&from=%p&to=%P&text=%b&charset=%C&coding=%c&smsc=%i&id=%I&reference=%F"
	})
}

// writeWhole replaces a file by rename, for the owner's eyes only.
func writeWhole(name string, text []byte) error {
	f, err := os.CreateTemp(filepath.Dir(name), ".new-*") // mode 0600
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), name)
	}
	if err != nil {
		return errors.Join(err, os.Remove(f.Name()))
	}
	return nil
}
