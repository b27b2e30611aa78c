// Package partner plays the content partners that the hub tells of subscriptions and charges (partner hub
// specification §6). Whatever partner a path names has an endpoint.
//
//	POST /partner/{partner}/subscriptions     operation notifySubscription
//	POST /partner/{partner}/charges           operation notifyCharge
//	     200 {"status":"0","message":"Operación con éxito"}, or the status that was set
//	     400 {"status":"-1","message":"…"}   the body is not JSON
//	GET  /partner/{partner}/return            operation return: a page that shows what a browser brought
//
// It takes a notification as often as it is sent, as HTTP receivers do, and the ledger shows each receipt;
// who counts events counts webhook-ids.
//
// Controls:
//
//	GET  /_sandbox/partner/settings   {"status":"0"}
//	POST /_sandbox/partner/settings   sets what partners answer: "0", "14", "15" or "-1"
package partner

import (
	"encoding/json"
	"fmt"
	"html"
	"io"
	"maps"
	"net/http"
	"slices"
	"sync"
	"time"

	"puente/shared/problem"
)

// Service is all partners.
type Service struct {
	now func() time.Time

	mu       sync.Mutex
	receipts []Receipt
	settings Settings
}

// Settings are what partners do.
type Settings struct {
	Status string `json:"status"`
}

// Receipt is one notification as it came.
type Receipt struct {
	Partner   string          `json:"partner"`
	Operation string          `json:"operation"`
	ID        string          `json:"id"` // webhook-id
	Timestamp string          `json:"timestamp"`
	Signature string          `json:"signature"`
	Bearer    string          `json:"bearer,omitempty"`
	Body      json.RawMessage `json:"body"`
	At        time.Time       `json:"at"`
}

const (
	most    = 200_000  // receipts that are remembered
	maxBody = 64 << 10 // bytes
)

// New starts the partners.
func New(now func() time.Time) *Service {
	return &Service{now: now, settings: Settings{Status: "0"}}
}

// Name is partner.
func (s *Service) Name() string { return "partner" }

// Mount declares the operations.
func (s *Service) Mount(operation func(name, pattern string, handler http.HandlerFunc)) {
	operation("notifySubscription", "POST /partner/{partner}/subscriptions", s.take("notifySubscription"))
	operation("notifyCharge", "POST /partner/{partner}/charges", s.take("notifyCharge"))
	operation("return", "GET /partner/{partner}/return", s.page)
}

// Controls mounts the controls below /_sandbox.
func (s *Service) Controls(control func(pattern string, handler http.HandlerFunc)) {
	control("GET /_sandbox/partner/settings", s.getSettings)
	control("POST /_sandbox/partner/settings", s.postSettings)
}

func (s *Service) take(operation string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
		if err != nil || !json.Valid(body) {
			answer(w, http.StatusBadRequest, "-1", "El cuerpo no es JSON")
			return
		}
		s.mu.Lock()
		if len(s.receipts) == most {
			s.receipts = slices.Delete(s.receipts, 0, most/10)
		}
		s.receipts = append(s.receipts, Receipt{
			Partner: r.PathValue("partner"), Operation: operation, ID: r.Header.Get("webhook-id"), Timestamp: r.Header.Get("webhook-timestamp"),
			Signature: r.Header.Get("webhook-signature"), Bearer: r.Header.Get("Authorization"), Body: body, At: s.now().UTC(),
		})
		status := s.settings.Status
		s.mu.Unlock()
		answer(w, http.StatusOK, status, messages[status])
	}
}

var messages = map[string]string{"0": "Operación con éxito", "14": "Dato incorrecto", "15": "Flujo incorrecto", "-1": "Error generico"}

func answer(w http.ResponseWriter, code int, status, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(map[string]string{"status": status, "message": message})
}

// page shows what a browser brought, for a person who tries a landing page.
func (s *Service) page(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", "default-src 'none'")
	fmt.Fprintf(w, "<!doctype html><html lang=es><title>Socio %s</title><h1>Socio %[1]s</h1><dl>", html.EscapeString(r.PathValue("partner")))
	query := r.URL.Query()
	for _, name := range slices.Sorted(maps.Keys(query)) {
		fmt.Fprintf(w, "<dt>%s<dd><code>%s</code>", html.EscapeString(name), html.EscapeString(query.Get(name)))
	}
	fmt.Fprint(w, "</dl></html>")
}

func (s *Service) getSettings(w http.ResponseWriter, _ *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(s.settings)
}

func (s *Service) postSettings(w http.ResponseWriter, r *http.Request) {
	var in Settings
	decoder := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&in); err != nil || messages[in.Status] == "" {
		e := &problem.Error{Kind: problem.Invalid, Fields: []problem.Field{{Path: "status", Rule: `must be "0", "14", "15" or "-1"`}}}
		w.Header().Set("Content-Type", problem.MediaType)
		w.WriteHeader(http.StatusBadRequest)
		_, _ = w.Write(problem.Marshal(e))
		return
	}
	s.Configure(in)
	s.getSettings(w, r)
}

// Configure sets what partners do.
func (s *Service) Configure(to Settings) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.settings = to
}

// Receipts are all notifications, in the order in which they came.
func (s *Service) Receipts() []Receipt {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.receipts)
}

// Ledger is every receipt, as GET /_sandbox/ledger/partner shows it.
func (s *Service) Ledger() any { return map[string][]Receipt{"notifications": s.Receipts()} }

// Reset forgets every receipt.
func (s *Service) Reset() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.receipts, s.settings = nil, Settings{Status: "0"}
	return nil
}
