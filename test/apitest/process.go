package apitest

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"gopkg.in/yaml.v3"

	"puente/shared/access"
	"puente/shared/config"
	"puente/shared/database"
	"puente/shared/database/databasetest"
	"puente/shared/hop"
	"puente/shared/idempotency"
	"puente/shared/keyring"
	"puente/shared/policy"
	"puente/shared/server"
)

// start brings api up, with everything around it played by the player, until t ends.
func start(t *testing.T, api server.API, o options) *player {
	t.Helper()
	o.settings = maps.Clone(o.settings)
	p := &player{api: api, values: placeholders{}, client: &http.Client{
		Transport:     &http.Transport{},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	var err error
	if p.oracle, err = newOracle(api.Contract); err != nil {
		t.Fatal(err)
	}
	p.trust(t, &o)
	for _, b := range o.backends {
		o.settings[b.key] = serve(t, p.thirdParty(b.target))
	}
	for layer, contracts := range byLayer(o.below) {
		far, err := p.layerBelow(contracts)
		if err != nil {
			t.Fatal(err)
		}
		o.settings["layers."+layer+".url"] = serve(t, far)
	}
	p.db = databasetest.New(t)
	p.schemas = []string{idempotency.Migrations.Schema}
	for _, m := range api.Migrations {
		p.schemas = append(p.schemas, m.Schema)
	}
	p.run(t, o)
	return p
}

// trust makes the keys by which the layers know each other.
func (p *player) trust(t *testing.T, o *options) {
	t.Helper()
	key := make([]byte, 32)
	_, _ = rand.Read(key) // never fails (crypto/rand)
	var err error
	if p.services, err = hop.NewServices(key); err != nil {
		t.Fatal(err)
	}
	if p.sealer, err = keyring.NewJWE([]keyring.JWEKey{keyring.DirectKey("apitest", key)}, "apitest"); err != nil {
		t.Fatal(err)
	}
	secret := base64.StdEncoding.EncodeToString(key)
	o.settings["layers.serviceKey"] = secret
	o.settings["layers.jweActive"] = "apitest"
	o.settings["layers.jwe"] = []any{map[string]any{"id": "apitest", "algorithm": keyring.Direct, "secret": secret}}
}

func byLayer(contracts []*hop.Contract) map[string][]*hop.Contract {
	layers := map[string][]*hop.Contract{}
	for _, c := range contracts {
		layers[c.Layer] = append(layers[c.Layer], c)
	}
	return layers
}

// serve listens with h until t ends and returns the URL.
func serve(t *testing.T, h http.Handler) string {
	s := httptest.NewServer(h)
	t.Cleanup(func() {
		s.CloseClientConnections()
		s.Close()
	})
	return s.URL
}

// run runs the API's process until t ends.
func (p *player) run(t *testing.T, o options) {
	t.Helper()
	cfg := server.Config{
		Tree: p.configuration(t, o), DatabaseURL: p.db.Config().ConnString(), Log: t.Output(), Version: "apitest",
	}
	layer := server.Layer{Name: p.api.Contract.Layer, APIs: []server.API{p.api}}
	if layer.Name == "xapi" {
		doc, err := p.api.Contract.Document()
		if err != nil {
			t.Fatal(err)
		}
		layer.Verifier = func(hop.Dialer) policy.Verifier { return newVerifier(doc) }
		cfg.Seed = func(ctx context.Context, store *access.Store) error {
			for _, e := range append([]access.Entities{tienda(p.api.Contract.Name)}, o.entities...) {
				if err := store.Seed(ctx, e); err != nil {
					return err
				}
			}
			_, err := p.db.Exec(ctx, o.statements)
			return err
		}
	}
	ready, ended := make(chan server.Addresses, 1), make(chan error, 1)
	cfg.Ready = func(at server.Addresses) error { ready <- at; return nil }
	ctx, cancel := context.WithCancel(context.Background())
	go func() { ended <- server.Run(ctx, cfg, layer) }()
	stop := func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("apitest: the process ended with: %v", err)
		}
	}
	select {
	case at := <-ready:
		switch p.address = at.Internal; {
		case layer.Name == "xapi":
			p.address = at.Public
		case p.api.Listener == server.Callbacks:
			p.address = at.Callbacks
		}
		t.Cleanup(func() {
			p.client.CloseIdleConnections()
			stop()
		})
	case err := <-ended:
		cancel()
		t.Fatalf("apitest: the process did not start: %v", err)
	}
}

// configuration is a file for the process: nothing is left to defaults that a machine could have in use.
func (p *player) configuration(t *testing.T, o options) *config.Tree {
	t.Helper()
	dir := t.TempDir()
	sections := map[string]any{}
	for key, value := range map[string]any{
		"dataDir": dir, "public.addr": "127.0.0.1:0", "internal.addr": "127.0.0.1:0", "ops.addr": "127.0.0.1:0", "callbacks.addr": "127.0.0.1:0",
		"drain.delay": "0s", "log.format": "text", "log.level": "warn",
		"database.connectTimeout": "10s", "database.acquireTimeout": "10s", // a busy machine is not what is tested
	} {
		set(sections, key, value)
	}
	for _, key := range slices.Sorted(maps.Keys(o.settings)) {
		set(sections, key, o.settings[key])
	}
	text, err := yaml.Marshal(sections)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "apitest.yaml")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	tree, err := config.Load(file, nil)
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

// clean removes what a conversation left in the tables of the API and of the replayed answers. The number
// of a snapshot's state is none of that: a state that comes later must not have one that was there before.
func clean(ctx context.Context, db *database.DB, schemas []string) error {
	_, err := db.Exec(ctx, `DO $$ DECLARE tables text; BEGIN
		SELECT string_agg(format('%I.%I', schemaname, tablename), ', ') INTO tables FROM pg_tables
		WHERE schemaname = ANY ('`+array(schemas)+`'::text[]) AND tablename NOT IN ('goose_db_version', 'version');
		IF tables IS NOT NULL THEN EXECUTE 'TRUNCATE ' || tables; END IF;
	END $$`)
	if err != nil {
		return fmt.Errorf("apitest: clean: %w", err)
	}
	return nil
}

// array is names, which are identifiers, as an array literal of PostgreSQL.
func array(names []string) string {
	text := "{"
	for i, name := range names {
		if i > 0 {
			text += ","
		}
		text += name
	}
	return text + "}"
}
