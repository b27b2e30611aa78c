// Package partner plays the content partners that the hub tells of subscriptions and charges (partner hub
// specification §6). Whatever partner a path names has an endpoint.
//
//	POST /partner/{partner}/subscriptions     operation notifySubscription
//	POST /partner/{partner}/charges           operation notifyCharge
//	     200 {"status":"0","message":"Operación con éxito"}, or the status that was set
//	     400 {"status":"-1","message":"…"}   the body is not JSON
//	GET  /partner/{partner}/return            operation return: a page that shows what a browser brought: token, tid, productId,
//	                                          status; and what the token says, where the partner's keys are known
//
// It takes a notification as often as it is sent, as HTTP receivers do, and the ledger shows each receipt;
// who counts events counts webhook-ids. Of browsers that came back the ledger has what they brought, what their
// token says, and the Referer, which must be empty.
//
// Controls:
//
//	GET  /_sandbox/partner/settings   {"status":"0"}
//	POST /_sandbox/partner/settings   sets what partners answer: "0", "14", "15" or "-1"
//	POST /_sandbox/partner/{partner}/keys   gives a partner the keys of its tokens:
//	                                  {"scheme":"gcm","keys":[{"id":"k1","secret":"<Base64>"}]}; or ecb-pkcs5, cbc-pkcs5-iv
package partner

import (
	"encoding/json"
	"io"
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
	returns  []Return
	settings Settings
	keys     map[string]Keys // by partner
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
	most        = 200_000  // receipts that are remembered
	mostReturns = 10_000   // browsers that are
	maxBody     = 64 << 10 // bytes
)

// New starts the partners.
func New(now func() time.Time) *Service {
	return &Service{now: now, settings: Settings{Status: "0"}, keys: map[string]Keys{}}
}

// Name is partner.
func (s *Service) Name() string { return "partner" }

// Mount declares the operations.
func (s *Service) Mount(operation func(name, pattern string, handler http.HandlerFunc)) {
	operation("notifySubscription", "POST /partner/{partner}/subscriptions", s.take("notifySubscription"))
	operation("notifyCharge", "POST /partner/{partner}/charges", s.take("notifyCharge"))
	operation("return", "GET /partner/{partner}/return", s.welcome)
}

// Controls mounts the controls below /_sandbox.
func (s *Service) Controls(control func(pattern string, handler http.HandlerFunc)) {
	control("GET /_sandbox/partner/settings", s.getSettings)
	control("POST /_sandbox/partner/settings", s.postSettings)
	control("POST /_sandbox/partner/{partner}/keys", s.postKeys)
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
		refuse(w, &problem.Error{Kind: problem.Invalid, Fields: []problem.Field{{Path: "status", Rule: `must be "0", "14", "15" or "-1"`}}})
		return
	}
	s.Configure(in)
	s.getSettings(w, r)
}

func refuse(w http.ResponseWriter, e *problem.Error) {
	w.Header().Set("Content-Type", problem.MediaType)
	w.WriteHeader(e.Kind.Status())
	_, _ = w.Write(problem.Marshal(e))
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

// Ledger is every receipt and return, as GET /_sandbox/ledger/partner shows it.
func (s *Service) Ledger() any {
	return map[string]any{"notifications": s.Receipts(), "returns": s.Returns()}
}

// Reset forgets every receipt and return.
func (s *Service) Reset() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.receipts, s.returns, s.settings = nil, nil, Settings{Status: "0"}
	return nil
}
