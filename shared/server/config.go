package server

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"time"

	"puente/shared/access"
	"puente/shared/admin"
	"puente/shared/audit"
	"puente/shared/clock"
	"puente/shared/config"
	"puente/shared/database"
	"puente/shared/idempotency"
	"puente/shared/jobs"
	"puente/shared/journal"
	"puente/shared/keyring"
	"puente/shared/policy"
	"puente/shared/ratelimit"
	"puente/shared/shed"
	"puente/shared/telemetry"
)

// Config is what Run is started with: the configuration as loaded, and what the command line says.
type Config struct {
	Tree    *config.Tree
	Hops    string    // typed (default), verify or http
	Log     io.Writer // where the log goes; default standard error
	Version string
	Program []Layer // every layer of the program; default: those that are hosted

	DatabaseURL, RedisURL string // where the configuration names none

	Reload <-chan os.Signal                           // each signal loads the configuration again
	Seed   func(context.Context, *access.Store) error // before the first request
	Ready  func(Addresses) error                      // once everything serves

	// Movable takes the clock of business time before anything is served by it. Only a demo has it: of
	// any other program it is nil, and nothing moves what its APIs take for the time.
	Movable func(*clock.Clock)
}

// Addresses are where the listeners are, as host:port.
type Addresses struct{ Public, Plain, Internal, Operations, Callbacks string }

// settings is the configuration of a process beside that of its APIs.
type settings struct {
	Instance  string             `yaml:"instance"` // opaque label of this replica; default made from data directory and process
	DataDir   string             `yaml:"dataDir"`
	Public    listenConfig       `yaml:"public"`
	Plain     listenConfig       `yaml:"plain"` // for what contracts mark x-plain, and nothing else; without addr not opened
	Internal  listenConfig       `yaml:"internal"`
	Ops       opsConfig          `yaml:"ops"`
	Callbacks callbacksConfig    `yaml:"callbacks"`
	Drain     drainConfig        `yaml:"drain"`
	Log       logConfig          `yaml:"log"`
	Trace     traceConfig        `yaml:"trace"`
	Layers    layersConfig       `yaml:"layers"`
	Database  database.Config    `yaml:"database"`
	Redis     redisConfig        `yaml:"redis"`
	Limiter   ratelimit.Config   `yaml:"limiter"`
	Shed      shed.Config        `yaml:"shed"`
	Jobs      jobs.Config        `yaml:"jobs"`
	Journal   journal.Config     `yaml:"journal"`
	Audit     audit.Config       `yaml:"audit"`
	Answers   idempotency.Config `yaml:"idempotency"`
	Keys      keysConfig         `yaml:"keys"`
	Admin     admin.Config       `yaml:"admin"`
	Policies  policy.Settings    `yaml:"policies"`
}

// listenConfig is one listener.
type listenConfig struct {
	Addr        string `yaml:"addr"`        // host:port; port 0 takes any free one
	Certificate string `yaml:"certificate"` // PEM file; read again when it changes
	Key         string `yaml:"key"`
	Connections int    `yaml:"connections"` // at most, at once
}

// opsConfig is the operations listener.
type opsConfig struct {
	listenConfig `yaml:",inline"`
	Profile      bool `yaml:"profile"` // serve /debug/pprof, without a token: on loopback only
}

// callbacksConfig is the listener for third-party systems that call back. It is opened only where an
// API of the process is called back.
type callbacksConfig struct {
	listenConfig `yaml:",inline"`
	Plain        bool `yaml:"plain"` // plain HTTP off loopback: for systems on a private network that speak no TLS
}

type drainConfig struct {
	Delay   time.Duration `yaml:"delay"`   // serve on after readiness went off, until balancers saw it
	Timeout time.Duration `yaml:"timeout"` // for what is still in flight then
}

type logConfig struct {
	Level  string `yaml:"level"`
	Format string `yaml:"format"` // json or text
}

type traceConfig struct {
	Endpoint string  `yaml:"endpoint"` // OTLP over HTTP; empty: off
	Ratio    float64 `yaml:"ratio"`    // of requests whose caller did not decide
}

// layersConfig says where layers are that this process does not host, and how the layers trust
// each other.
type layersConfig struct {
	XAPI     layerConfig      `yaml:"xapi"`
	PAPI     layerConfig      `yaml:"papi"`
	SAPI     layerConfig      `yaml:"sapi"`
	Service  config.Secret    `yaml:"serviceKey"`          // base64 of at least 32 bytes, the same in all processes
	Accepted []config.Secret  `yaml:"acceptedServiceKeys"` // trusted, too, while the key is replaced
	JWE      []keyring.JWEKey `yaml:"jwe"`
	Active   string           `yaml:"jweActive"`
}

type layerConfig struct {
	URL string `yaml:"url"`
}

type redisConfig struct {
	URL config.Secret `yaml:"url"`
}

// keysConfig is the key ring; without keys it is made and kept in the data directory.
type keysConfig struct {
	Ring   []keyring.Key `yaml:"ring"`
	Active string        `yaml:"active"`
}

func defaults() settings {
	return settings{
		Public:    listenConfig{Addr: "127.0.0.1:8080", Connections: 10_000},
		Plain:     listenConfig{Connections: 1000},
		Internal:  listenConfig{Addr: "127.0.0.1:8081", Connections: 10_000},
		Callbacks: callbacksConfig{listenConfig: listenConfig{Addr: "127.0.0.1:8082", Connections: 1000}},
		Ops:       opsConfig{listenConfig: listenConfig{Addr: "127.0.0.1:9090", Connections: 200}},
		Drain:     drainConfig{Delay: 5 * time.Second, Timeout: 25 * time.Second},
		Log:       logConfig{Level: "info", Format: "json"},
		Trace:     traceConfig{Ratio: 0.01},
		Policies:  policy.Defaults(),
	}
}

// Validate joins what is wrong with every section of the process; some are made ready by it.
func (s *settings) Validate() error {
	var errs []error
	for _, section := range []struct {
		at string
		c  interface{ Validate() error }
	}{
		{"database", s.Database}, {"limiter", s.Limiter}, {"shed", s.Shed}, {"jobs", s.Jobs}, {"journal", s.Journal}, {"audit", s.Audit},
		{"idempotency", s.Answers}, {"admin", s.Admin}, {"policies", &s.Policies},
		{"trace", telemetry.TraceConfig{Endpoint: s.Trace.Endpoint, Ratio: s.Trace.Ratio}},
	} {
		errs = append(errs, within(section.at, section.c.Validate()))
	}
	for _, l := range []struct {
		at string
		c  listenConfig
	}{{"public", s.Public}, {"internal", s.Internal}, {"ops", s.Ops.listenConfig}, {"callbacks", s.Callbacks.listenConfig}} {
		errs = append(errs, within(l.at, l.c.validate()))
	}
	if s.Plain.Addr != "" {
		errs = append(errs, within("plain", s.Plain.validate()))
	}
	if s.Plain.Certificate != "" {
		errs = append(errs, errors.New("plain.certificate: must be empty: it is the listener for plain HTTP"))
	}
	const naked = "addr: off loopback it needs a certificate"
	if s.Public.naked() && len(s.Policies.TrustedProxies) == 0 {
		errs = append(errs, errors.New("public."+naked+", or a proxy listed in policies.trustedProxies"))
	}
	if s.Callbacks.naked() && !s.Callbacks.Plain && len(s.Policies.TrustedProxies) == 0 {
		errs = append(errs, errors.New("callbacks."+naked+", a proxy listed in policies.trustedProxies, or plain: true"))
	}
	if s.Ops.naked() {
		errs = append(errs, errors.New("ops."+naked))
	}
	if s.Ops.Profile && !s.Ops.loopback() {
		errs = append(errs, errors.New("ops.profile: only on loopback"))
	}
	if s.Drain.Delay < 0 || s.Drain.Timeout <= 0 {
		errs = append(errs, errors.New("drain: delay must not be negative, timeout must be positive"))
	}
	if !slices.Contains([]string{"debug", "info", "warn", "error"}, s.Log.Level) {
		errs = append(errs, errors.New("log.level: must be debug, info, warn or error"))
	}
	if s.Log.Format != "json" && s.Log.Format != "text" {
		errs = append(errs, errors.New("log.format: must be json or text"))
	}
	if key := s.Layers.Service; !key.IsZero() && !isServiceKey(key) {
		errs = append(errs, errors.New("layers.serviceKey: must be base64 of at least 32 bytes"))
	}
	known := []string{s.Layers.Service.Reveal()}
	for i, key := range s.Layers.Accepted {
		if !isServiceKey(key) {
			errs = append(errs, fmt.Errorf("layers.acceptedServiceKeys.%d: must be base64 of at least 32 bytes", i))
		}
		if slices.Contains(known, key.Reveal()) {
			errs = append(errs, fmt.Errorf("layers.acceptedServiceKeys.%d: is a key already", i))
		}
		known = append(known, key.Reveal())
	}
	return errors.Join(append(errs, s.validateKeys())...)
}

func isServiceKey(secret config.Secret) bool {
	key, err := base64.StdEncoding.DecodeString(secret.Reveal())
	return err == nil && len(key) >= 32
}

// validateKeys makes the keys that are given, and throws them away.
func (s *settings) validateKeys() error {
	var errs []error
	if len(s.Keys.Ring) > 0 || s.Keys.Active != "" {
		if _, err := keyring.New(s.Keys.Ring, s.Keys.Active); err != nil {
			errs = append(errs, fmt.Errorf("keys: %w", err))
		}
	}
	if len(s.Layers.JWE) > 0 || s.Layers.Active != "" {
		_, err := keyring.NewJWE(s.Layers.JWE, s.Layers.Active)
		errs = append(errs, within("layers", err))
	}
	return errors.Join(errs...)
}

// within puts a section before each message of err.
func within(at string, err error) error {
	if err == nil {
		return nil
	}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		var errs []error
		for _, e := range joined.Unwrap() {
			errs = append(errs, within(at, e))
		}
		return errors.Join(errs...)
	}
	return fmt.Errorf("%s.%w", at, err)
}

// validate refuses what cannot be listened on.
func (l listenConfig) validate() error {
	if _, _, err := net.SplitHostPort(l.Addr); err != nil {
		return errors.New("addr: must be host:port")
	}
	if (l.Certificate == "") != (l.Key == "") {
		return errors.New("certificate: certificate and key belong together")
	}
	return nil
}

// naked reports plain HTTP off loopback. Only the internal listener may, whose calls are signed, the
// public one behind proxies, and that of callbacks there and where the configuration says so.
func (l listenConfig) naked() bool { return l.Certificate == "" && !l.loopback() }

func (l listenConfig) loopback() bool {
	host, _, _ := net.SplitHostPort(l.Addr)
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && addr.IsLoopback()
}

// dataDir is where the process keeps its files.
func (s *settings) dataDir() string {
	if s.DataDir != "" {
		return s.DataDir
	}
	return DefaultDataDir()
}

// DefaultDataDir is the data directory of a configuration that names none.
func DefaultDataDir() string {
	if os.Geteuid() == 0 {
		return "/var/lib/puente"
	}
	home, err := os.UserHomeDir()
	if err != nil {
		home = os.TempDir()
	}
	return filepath.Join(home, ".local", "state", "puente")
}
