package server

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"puente/shared/access"
	"puente/shared/audit"
	"puente/shared/config"
	"puente/shared/database"
	"puente/shared/hop"
	"puente/shared/journal"
	"puente/shared/keyring"
	"puente/shared/policy"
	"puente/shared/telemetry"
)

const vault = `
openapi: 3.0.3
info: {title: Vault, version: 1.0.0, x-category: Post}
x-sla: {deadline: 1s, availability: 99.9}
x-max-body: 100
paths:
  /v1/secrets:
    post:
      operationId: keep
      security: []
      requestBody:
        content: {application/jose: {schema: {type: object, required: [text], properties: {text: {type: string}}}}}
      responses:
        '200': {description: Kept, content: {application/jose: {schema: {type: object}}}}
`

// A call that does not become a hop is counted, journalled and logged: nobody else would tell.
func TestRefusedCallsLeaveATrace(t *testing.T) {
	key := []byte("0123456789abcdef0123456789abcdef")
	services, err := hop.NewServices(key)
	if err != nil {
		t.Fatal(err)
	}
	sealer, err := keyring.NewJWE([]keyring.JWEKey{keyring.DirectKey("k", key)}, "k")
	if err != nil {
		t.Fatal(err)
	}
	broken, err := sealer.Encrypt([]byte(`{"text": 1}`))
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		unsigned bool
		body     []byte
		status   int
		kind     string
	}{
		"no service token":    {true, broken, 401, audit.Security},
		"not encrypted":       {false, []byte(`{"text": "x"}`), 400, audit.Security},
		"breaks the contract": {false, broken, 400, audit.Hop},
		"too large":           {false, bytes.Repeat([]byte("x"), 1000), 413, audit.Hop},
	} {
		t.Run(name, func(t *testing.T) {
			var log bytes.Buffer
			h := &host{
				log: slog.New(slog.NewTextHandler(&log, nil)), registerer: prometheus.NewRegistry(), registry: hop.NewRegistry(),
				internal: router(), services: services, sealer: sealer,
			}
			records := journalled(t, h)
			post := hop.Contract{Layer: "sapi", Name: "vault", Spec: []byte(vault)}
			keep := hop.Operation[map[string]any, map[string]any]{Contract: &post, ID: "keep"}
			if err := h.mount(&API{Contract: &post, Mount: func(env *Env) error {
				Handle(env, keep, func(context.Context, map[string]any) (map[string]any, error) {
					t.Error("called")
					return nil, nil
				})
				return nil
			}}); err != nil {
				t.Fatal(err)
			}
			req := httptest.NewRequest(http.MethodPost, "/v1/secrets", bytes.NewReader(c.body))
			req.Header.Set("Content-Type", hop.JOSE)
			if !c.unsigned {
				token, _ := services.Sign("xapi", "sapi", "POST /v1/secrets", c.body, hop.Principal{})
				req.Header.Set("Authorization", token)
			}
			w := httptest.NewRecorder()
			h.internal.ServeHTTP(w, req)
			if w.Code != c.status {
				t.Errorf("status %d %s", w.Code, w.Body)
			}
			if n, err := testutil.GatherAndCount(h.registerer, "http_server_request_duration_seconds"); err != nil || n != 1 {
				t.Errorf("%d counted, %v", n, err)
			}
			if text := records(); !strings.Contains(text, c.kind) || !strings.Contains(text, "keep") || !strings.Contains(text, "192.0.2.1") {
				t.Errorf("journalled: %s", text)
			}
			if text := log.String(); !strings.Contains(text, "level=WARN") || !strings.Contains(text, "operation=keep") {
				t.Errorf("logged: %s", text)
			}
		})
	}
}

const archive = `
openapi: 3.0.3
info: {title: Archive, version: 1.0.0, x-category: Post}
x-sla: {deadline: 1s, availability: 99.9}
paths:
  /v1/{kind}/boxes:
    get:
      operationId: find
      security: []
      parameters:
        - {name: kind, in: path, required: true, schema: {type: string, enum: [letters, parcels]}}
        - {name: page, in: query, required: true, schema: {type: integer, minimum: 1}}
        - {name: X-Shelf, in: header, schema: {type: string, maxLength: 3}}
      responses:
        '200': {description: Found, content: {application/json: {schema: {type: object}}}}
`

type search struct {
	Kind  string `uri:"kind" json:"-"`
	Page  int    `form:"page" json:"-"`
	Shelf string `header:"X-Shelf" json:"-"`
}

// The bodies of hops were held to their contract, the parameters were not.
func TestParametersOfHopsAreChecked(t *testing.T) {
	services, err := hop.NewServices([]byte("0123456789abcdef0123456789abcdef"))
	if err != nil {
		t.Fatal(err)
	}
	h := &host{log: slog.New(slog.DiscardHandler), registerer: prometheus.NewRegistry(), registry: hop.NewRegistry(), internal: router(), services: services}
	if h.tracer, _, err = telemetry.Tracing(t.Context(), telemetry.TraceConfig{}, "one", "test"); err != nil {
		t.Fatal(err)
	}
	journalled(t, h)
	h.access = access.New(h.db, h.log, prometheus.NewRegistry())
	post := hop.Contract{Layer: "sapi", Name: "archive", Spec: []byte(archive)}
	find := hop.Operation[search, map[string]any]{Contract: &post, ID: "find"}
	if err := h.mount(&API{Contract: &post, Mount: func(env *Env) error {
		Handle(env, find, func(context.Context, search) (map[string]any, error) { return map[string]any{}, nil })
		return nil
	}}); err != nil {
		t.Fatal(err)
	}
	for target, c := range map[string]struct {
		shelf  string
		status int
		names  string
	}{
		"/v1/letters/boxes?page=1":        {"A1", 200, ""},
		"/v1/letters/boxes?page=1&page=2": {"", 400, "query.page"},
		"/v1/letters/boxes?page=0":        {"", 400, "query.page"},
		"/v1/letters/boxes":               {"", 400, "query.page"},
		"/v1/parcels/boxes?page=1":        {"ABCD", 400, "header.X-Shelf"},
		"/v1/secrets/boxes?page=1":        {"", 404, "not_found"},
	} {
		req := httptest.NewRequest(http.MethodGet, target, nil)
		if c.shelf != "" {
			req.Header.Set("X-Shelf", c.shelf)
		}
		token, _ := services.Sign("xapi", "sapi", "GET "+target, nil, hop.Principal{})
		req.Header.Set("Authorization", token)
		w := httptest.NewRecorder()
		h.internal.ServeHTTP(w, req)
		if w.Code != c.status || !strings.Contains(w.Body.String(), c.names) {
			t.Errorf("%s: %d %s, want %d and %q", target, w.Code, w.Body, c.status, c.names)
		}
	}
}

// journalled gives h metrics and an audit without a database; records is what was journalled.
func journalled(t *testing.T, h *host) (records func() string) {
	t.Helper()
	j, err := journal.Open(t.TempDir(), journal.Config{})
	if err != nil {
		t.Fatal(err)
	}
	db, err := database.Open(t.Context(), database.Config{URL: config.NewSecret(nowhere)}, "", slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close(); j.Close() })
	h.audit = audit.New(j, db, audit.Config{}, "test", h.log, prometheus.NewRegistry())
	h.metrics = policy.NewMetrics(h.registerer)
	return func() string {
		r := j.Reader(j.Start())
		defer r.Close()
		var all []string
		for {
			record, err := r.Next()
			if err != nil || record == nil {
				return strings.Join(all, "\n")
			}
			all = append(all, string(record))
		}
	}
}

// Between the begin and the answer of a call from another process, its journal tells of the hop; a
// typed hop is told of by its request.
func TestReceivedHopIsBegunBeforeItIsServed(t *testing.T) {
	key := []byte("0123456789abcdef0123456789abcdef")
	services, err := hop.NewServices(key)
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	h := &host{
		log: log, registerer: prometheus.NewRegistry(), registry: hop.NewRegistry(), internal: router(), services: services,
		access: access.New(nil, log, prometheus.NewRegistry()), tracer: &telemetry.Tracer{},
	}
	records := journalled(t, h)
	post := hop.Contract{Layer: "sapi", Name: "vault", Spec: []byte(strings.Replace(vault, "application/jose", "application/json", 1))}
	keep := hop.Operation[map[string]any, map[string]any]{Contract: &post, ID: "keep"}
	var during string
	if err := h.mount(&API{Contract: &post, Mount: func(env *Env) error {
		Handle(env, keep, func(context.Context, map[string]any) (map[string]any, error) {
			during = records()
			return map[string]any{}, nil
		})
		return nil
	}}); err != nil {
		t.Fatal(err)
	}

	body := []byte(`{"text":"x"}`)
	req := httptest.NewRequest(http.MethodPost, "/v1/secrets", bytes.NewReader(body))
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set(hop.CorrelationHeader, "TIENDA-7")
	token, _ := services.Sign("xapi", "sapi", "POST /v1/secrets", body, hop.Principal{Client: "tienda"})
	req.Header.Set("Authorization", token)
	w := httptest.NewRecorder()
	h.internal.ServeHTTP(w, req)
	if w.Code != http.StatusOK {
		t.Fatalf("status %d %s", w.Code, w.Body)
	}
	for _, said := range []string{audit.Hop, "keep", "tienda", "TIENDA-7"} {
		if !strings.HasPrefix(during, "B") || !strings.Contains(during, said) {
			t.Errorf("while it was served the journal had %q, not %q", during, said)
		}
	}
	if after := strings.TrimPrefix(records(), during); !strings.HasPrefix(after, "\nE") || strings.Count(after, "keep") != 1 {
		t.Errorf("at the end it has %q more", after)
	}

	before := records()
	if _, err := hop.Call(t.Context(), hop.Local(&post, h.registry, false), keep, map[string]any{"text": "x"}); err != nil {
		t.Fatal(err)
	}
	if during != before {
		t.Errorf("a typed hop was begun: %q", strings.TrimPrefix(during, before))
	}
}
