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

	"puente/shared/audit"
	"puente/shared/config"
	"puente/shared/database"
	"puente/shared/hop"
	"puente/shared/journal"
	"puente/shared/keyring"
	"puente/shared/policy"
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
