// Package tvplatforms plays the operator's television platforms: what each holds of an account, in the
// dialects of three vendors. An account is known to the platforms of a technology once it was set.
//
// Every platform has an operation that asks and one that changes, so that faults strike one alone:
// ftth_subscribers, ftth_channels, ftth_services, ftth_devices and the same of hfc and iptv, each also with
// _change behind.
//
//	FTTH, below /tvplatforms/ftth/asap/v1/suscriptores/{cuenta}
//	GET                                   200 {"cuenta","estado":1}                    ftth_subscribers
//	PUT        /estado {"estado":1}       204                                          ftth_subscribers_change
//	GET        /canales                   200 {"canales":["HBO"]}                      ftth_channels
//	GET        /servicios                 200 {"servicios":["TIMESHIFT"]}              ftth_services
//	GET        /decos                     200 {"decos":[{"mac":"001A.2B3C.4D5E"}]}     ftth_devices
//	PUT|DELETE /{canales|…}/{item}        204                                          ftth_channels_change, …
//	    404 {"codigo":"CUENTA_NO_EXISTE"}, or "NO_EXISTE" for a DELETE of what is not there; 422 "RECHAZADO"
//
//	HFC, below /tvplatforms/hfc/hfc/{abonado|canales|servicios|decos}; always 200
//	POST /consulta {"cuenta"}                    {"codigoRetorno":"0","lista":"HBO;FOX"}    hfc_channels, …
//	POST /orden {"cuenta","accion","valor"}      {"codigoRetorno":"0"}                      hfc_channels_change, …
//	    ESTADO of an abonado, ALTA and BAJA of the others; 17 there already, 18 not there, 21 refused,
//	    404 the account is unknown, 90 not understood
//
//	IPTV, below /tvplatforms/iptv/iptv/accounts/{account}
//	GET   /profile                               200 {"status":"1"}                         iptv_subscribers
//	PUT   /profile {"status":"1"}                200 the same                               iptv_subscribers_change
//	GET   /{packages|features|stbs}              200 {"items":[{"id","status":"ACTIVE|CEASED"}]}  iptv_channels, …
//	PATCH /{packages|…} {"add":[],"remove":[]}   200 the same                               iptv_channels_change, …
//	    404 {"error"} the account is unknown; 422 {"error"} refused, all of it
//
// These holdings there are after each reset; what the inventory has of the accounts is said in package
// inventory. Where nothing else is said the platforms hold the same:
//
//	FTTH CS-905967    service GRABACION is missing, the set-top boxes are written otherwise: the document's sample
//	HFC  CS-905968    channel FOX is surplus, set-top box 00:1A:2B:3C:4D:61 missing
//	IPTV CS-905969    the state is 0; channel CNN has ceased
//	FTTH CS-905970    no channel, service or set-top box
//
// Holdings are shown and set, which is how they drift from the inventory, by
//
//	GET  /_sandbox/tvplatforms              all of them
//	POST /_sandbox/tvplatforms/{account}    answers the holding as it is now
//	     {"technology":"FTTH","state":"1","channels":["HBO"],"services":["TIMESHIFT"],
//	      "devices":["001A.2B3C.4D5E"],"refuses":["FOX"]}
//
// Only technology is required. What is left out stays as it is; of a new holding the state is 1 and the
// rest empty. What refuses names is neither added nor removed, nor set as state.
package tvplatforms

import (
	"encoding/json"
	"net/http"
	"sync"
	"time"
)

// Service is all platforms of all technologies.
type Service struct {
	now func() time.Time

	mu       sync.Mutex
	holdings map[key]*Holding
	order    []key // in the order in which they came
	changes  []Change
}

// key is whose a holding is: the same account may be known to several technologies.
type key struct{ technology, account string }

// New makes platforms with the holdings of the package comment. now may be nil: time.Now.
func New(now func() time.Time) *Service {
	if now == nil {
		now = time.Now
	}
	s := &Service{now: now}
	s.forget()
	return s
}

// Name is tvplatforms.
func (s *Service) Name() string { return "tvplatforms" }

// Mount declares the operations of the three dialects.
func (s *Service) Mount(operation func(name, pattern string, handler http.HandlerFunc)) {
	s.mountFTTH(operation)
	s.mountHFC(operation)
	s.mountIPTV(operation)
}

// Change is one that a platform made. A call that found it made already is none.
type Change struct {
	Technology    string    `json:"technology"`
	Account       string    `json:"account"`
	Platform      string    `json:"platform"` // SUBSCRIBERS, CHANNELS, SERVICES, DEVICES
	Action        string    `json:"action"`   // ADD, REMOVE, and STATE of SUBSCRIBERS
	Item          string    `json:"item"`
	CorrelationID string    `json:"correlationId"`
	MadeAt        time.Time `json:"madeAt"`
}

// Ledger is every change that was made, as GET /_sandbox/ledger/tvplatforms shows it.
func (s *Service) Ledger() any { return map[string][]Change{"changes": s.Changes()} }

// Changes are all that were made, in order.
func (s *Service) Changes() []Change {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Change{}, s.changes...)
}

// Reset forgets every change, and brings the holdings of the package comment back and no others.
func (s *Service) Reset() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forget()
	return nil
}

func write(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(v) // the caller may have left: nothing to do about it
}
