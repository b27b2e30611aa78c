package sandbox

import (
	"encoding/json"
	"io"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"puente/shared/problem"
	"puente/test/sandbox/fault"
)

// maxControl is the longest body of a control, in bytes.
const maxControl = 1 << 20

// control mounts the controls that every system shares.
func (s *Sandbox) control(mux *http.ServeMux) {
	mux.HandleFunc("GET /_sandbox/systems", func(w http.ResponseWriter, _ *http.Request) {
		write(w, http.StatusOK, s.routes)
	})
	mux.HandleFunc("GET /_sandbox/requests", s.getRequests)
	mux.HandleFunc("GET /_sandbox/ledger/{system}", s.getLedger)
	mux.HandleFunc("GET /_sandbox/faults", func(w http.ResponseWriter, _ *http.Request) {
		write(w, http.StatusOK, s.Faults())
	})
	mux.HandleFunc("POST /_sandbox/faults", s.postFault)
	mux.HandleFunc("DELETE /_sandbox/faults", func(w http.ResponseWriter, r *http.Request) {
		s.ClearFaults(r.URL.Query().Get("system"))
		w.WriteHeader(http.StatusNoContent)
	})
	mux.HandleFunc("POST /_sandbox/reset", s.postReset)
	if s.cfg.Clock != nil {
		mux.HandleFunc("GET /_sandbox/clock", s.getClock)
		mux.HandleFunc("POST /_sandbox/clock", s.postClock)
	}
}

// onLoopback refuses peers that are not on this machine, and pages of other origins in a browser
// that is.
func onLoopback(next http.Handler) http.Handler {
	next = http.NewCrossOriginProtection().Handler(next)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		peer, err := netip.ParseAddrPort(r.RemoteAddr)
		if err != nil || !peer.Addr().Unmap().IsLoopback() {
			refuse(w, &problem.Error{Kind: problem.Forbidden, Detail: "the sandbox's controls answer on loopback only"})
			return
		}
		w.Header().Set("Cache-Control", "no-store")
		next.ServeHTTP(w, r)
	})
}

func (s *Sandbox) getRequests(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	match := Filter{System: q.Get("system"), Operation: q.Get("operation"), Correlation: q.Get("correlation")}
	var broken []problem.Field
	number := func(name string) int64 {
		if !q.Has(name) {
			return 0
		}
		n, err := strconv.ParseInt(q.Get(name), 10, 64)
		if err != nil || n < 0 {
			broken = append(broken, problem.Field{Path: "query." + name, Rule: "must be a whole number"})
		}
		return n
	}
	match.After, match.Limit = number("after"), int(number("limit"))
	if len(broken) > 0 {
		refuse(w, &problem.Error{Kind: problem.Invalid, Fields: broken})
		return
	}
	write(w, http.StatusOK, s.Requests(match))
}

func (s *Sandbox) getLedger(w http.ResponseWriter, r *http.Request) {
	ledger, err := s.Ledger(r.PathValue("system"))
	if err != nil {
		refuse(w, problem.Of(err))
		return
	}
	write(w, http.StatusOK, ledger)
}

func (s *Sandbox) postFault(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxControl))
	if err != nil {
		refuse(w, unreadable(err))
		return
	}
	f, err := fault.Parse(body)
	if err == nil {
		err = s.SetFault(f)
	}
	if err != nil {
		refuse(w, problem.Of(err))
		return
	}
	write(w, http.StatusCreated, f)
}

func (s *Sandbox) postReset(w http.ResponseWriter, _ *http.Request) {
	if err := s.Reset(); err != nil {
		s.log.Error("sandbox reset", "error", err)
		refuse(w, problem.Of(err))
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// knows checks the names of a fault; an empty operation stands for all of the system's.
func (s *Sandbox) knows(system, operation string) error {
	var operations []string
	for _, r := range s.routes {
		if r.System == system && !slices.Contains(operations, r.Operation) { // some have several patterns
			operations = append(operations, r.Operation)
		}
	}
	field := problem.Field{Path: "operation", Rule: "must be one of " + strings.Join(operations, ", ")}
	switch {
	case len(operations) == 0:
		field = problem.Field{Path: "system", Rule: "must be one of " + s.names()}
	case operation == "" || slices.Contains(operations, operation):
		return nil
	}
	return &problem.Error{Kind: problem.Invalid, Code: "INVALID_FAULT", Detail: "the fault is not valid", Fields: []problem.Field{field}}
}

func (s *Sandbox) unknownSystem() error {
	return &problem.Error{Kind: problem.NotFound, Detail: "no such system; there are " + s.names()}
}

func (s *Sandbox) names() string {
	names := make([]string, len(s.systems))
	for i, system := range s.systems {
		names[i] = system.Name()
	}
	return strings.Join(names, ", ")
}

func write(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(v) // the caller may have left: nothing to do about it
}

func refuse(w http.ResponseWriter, e *problem.Error) {
	w.Header().Set("Content-Type", problem.MediaType)
	w.WriteHeader(e.Kind.Status())
	w.Write(problem.Marshal(e))
}
