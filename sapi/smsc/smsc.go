// Package smsc wraps the operator's SMS center behind an HTTP gateway in the style of Kannel, which speaks
// SMPP to it (Kannel user guide, "Using the HTTP interface to send SMS messages", "Delivery reports",
// "SMS-service configurations").
//
//	POST /cgi-bin/sendsms                       we send a message
//	GET  /callbacks/smsc/reports/{message}      it reports one: dlr-url
//	GET  /callbacks/smsc/messages               it hands over one of a phone: get-url of its sms-service
//
// The gateway sends as often as it is told to, knows no key, and cannot be asked afterwards. So a message is
// written down before the gateway is called, and goes out at most once per id. Where the answer does not come,
// the outcome stays unknown: sent again the phone might get it twice, and a second PIN beside the first is
// worse than none. Who waits for a text that did not come asks for a new one, which has an id of its own. Only
// a delivery report can still tell. What the gateway calls us for is stored before it is answered.
package smsc

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"puente/contracts/sapi/smsc"
	"puente/sapi/smsc/sql"
	"puente/shared/config"
	"puente/shared/database"
	"puente/shared/httpclient"
	"puente/shared/keyring"
	"puente/shared/problem"
	"puente/shared/server"
)

//go:embed sql/migrations/*.sql
var files embed.FS

var migrations = []database.Migrations{{Schema: "smsc", FS: database.Files(files)}}

// API is the declaration that the layer lists.
var API = server.API{Contract: &smsc.Contract, Mount: mount, Migrations: migrations}

// Config is section sapi.smsc. Without http.url there is no gateway, and nothing is sent.
type Config struct {
	HTTP     httpclient.Config `yaml:"http"`
	Username string            `yaml:"username"` // of a sendsms-user group of the gateway
	Password config.Secret     `yaml:"password"`
	SMSC     string            `yaml:"smsc"`     // the connection that messages leave by; empty: as the gateway routes
	Callback string            `yaml:"callback"` // how the gateway reaches our listener of callbacks; empty: where it is on this machine
	Keep     KeepConfig        `yaml:"keep"`
}

// KeepConfig says how long things are known.
type KeepConfig struct {
	Messages time.Duration `yaml:"messages"` // after the last that was heard of them: until then an id is good for one message
	Inbound  time.Duration `yaml:"inbound"`  // after it was acknowledged: until then the same delivery is known again
}

// Validate joins all that is wrong.
func (c *Config) Validate() error {
	errs := []error{c.HTTP.Validate()}
	if c.HTTP.URL == "" && (c.Username != "" || !c.Password.IsZero()) {
		errs = append(errs, errors.New("http.url: is required where username or password is given"))
	}
	if c.HTTP.URL != "" && (c.Username == "" || c.Password.IsZero()) {
		errs = append(errs, errors.New("username: is required, with password: the gateway sends for nobody else"))
	}
	for name, value := range map[string]string{"username": c.Username, "password": c.Password.Reveal(), "smsc": c.SMSC} {
		if strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r > '~' }) {
			errs = append(errs, fmt.Errorf("%s: must be printable ASCII", name))
		}
	}
	if c.Callback != "" {
		u, err := url.Parse(c.Callback)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || u.RawQuery != "" || u.Fragment != "" || strings.Contains(c.Callback, "%") {
			errs = append(errs, errors.New("callback: must be an http or https URL without query and percent signs"))
		}
	}
	if c.Keep.Messages < time.Minute || c.Keep.Inbound < time.Minute {
		errs = append(errs, errors.New("keep: messages and inbound must be at least 1m"))
	}
	return errors.Join(errs...)
}

func defaults() Config {
	return Config{
		HTTP: httpclient.Config{Timeout: 5 * time.Second, MaxResponse: 16 << 10, Bulkhead: httpclient.Bulkhead{Max: 64}},
		Keep: KeepConfig{Messages: 90 * 24 * time.Hour, Inbound: 7 * 24 * time.Hour},
	}
}

// target is the gateway's name in metrics, logs and the trail of errors.
const target = "smsc"

// system is the SMS center, as this package knows it.
type system struct {
	cfg     Config
	ring    *keyring.Ring
	db      *database.DB
	log     *slog.Logger
	gateway *gateway // nil: none
	shut    shut
}

func mount(env *server.Env) error {
	cfg := defaults()
	if err := env.Config(&cfg); err != nil {
		return err
	}
	s := &system{cfg: cfg, ring: env.Keyring(), db: env.Database(), log: env.Logger()}
	if cfg.HTTP.URL != "" {
		callback := cfg.Callback
		if callback == "" {
			callback = env.CallbackURL()
		}
		s.gateway = newGateway(cfg, callback, env.ExternalWith(target, cfg.HTTP, credentials(cfg)))
	}
	reg := env.Registerer()
	if err := errors.Join(reg.Register(s.unknownMessages()), reg.Register(s.waitingItems()), reg.Register(s.shutItems())); err != nil {
		return err
	}
	env.Every("prune", time.Hour, s.prune)
	server.Handle(env, smsc.SubmitMessage, s.Submit)
	server.Handle(env, smsc.QueryMessage, s.Query)
	server.Handle(env, smsc.TakeInbound, s.Take)
	server.Handle(env, smsc.AckInbound, s.Ack)
	return nil
}

// prune forgets what is too old to be asked for, or to come again. What nobody acknowledged stays.
func (s *system) prune(ctx context.Context) error {
	q := sql.New(s.db)
	for what, drop := range map[string]func() (int64, error){
		"messages": func() (int64, error) { return q.PruneMessages(ctx, s.cfg.Keep.Messages) },
		"inbound":  func() (int64, error) { return q.PruneInbound(ctx, s.cfg.Keep.Inbound) },
	} {
		for {
			n, err := drop()
			if err != nil {
				return fmt.Errorf("smsc: prune %s: %w", what, err)
			}
			if n == 0 {
				break
			}
		}
	}
	return nil
}

func (s *system) unknownMessages() database.Count {
	return database.NewCount("smsc_messages_unknown", "Messages of which nobody knows whether they were sent.",
		func(ctx context.Context) (int64, error) { return sql.New(s.db).CountUnknownMessages(ctx) })
}

func (s *system) waitingItems() database.Count {
	return database.NewCount("smsc_inbound_waiting", "Messages and reports that wait to be acknowledged for more than a minute.",
		func(ctx context.Context) (int64, error) { return sql.New(s.db).CountWaiting(ctx, time.Minute) })
}

func (s *system) shutItems() prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "smsc_inbound_unreadable",
		Help: "Messages of phones that the last page this process handed over left out: they do not open under the key ring, and each may be somebody who goes on paying.",
	}, s.shut.count)
}

// broken collects the fields of an input that break the contract. They are checked again here: a typed
// caller passes no contract check.
type broken []problem.Field

func (b *broken) unless(holds bool, path, rule string) {
	if !holds {
		*b = append(*b, problem.Field{Path: path, Rule: rule})
	}
}

func (b broken) err() error {
	if len(b) == 0 {
		return nil
	}
	return &problem.Error{Kind: problem.Invalid, Fields: b}
}
