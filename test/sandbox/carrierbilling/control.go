package carrierbilling

import (
	"bytes"
	"encoding/json"
	"net/http"

	"puente/shared/problem"
)

// maxControl is the longest body of a control, in bytes.
const maxControl = 1 << 10

// Controls mounts the controls of lines, settings and charges below /_sandbox.
func (s *Service) Controls(control func(pattern string, handler http.HandlerFunc)) {
	control("GET /_sandbox/carrierbilling/lines", func(w http.ResponseWriter, _ *http.Request) { write(w, http.StatusOK, s.Lines()) })
	control("POST /_sandbox/carrierbilling/lines/{msisdn}", s.postLine)
	control("GET /_sandbox/carrierbilling/settings", func(w http.ResponseWriter, _ *http.Request) { write(w, http.StatusOK, s.Configure(nil)) })
	control("POST /_sandbox/carrierbilling/settings", s.postSettings)
	control("POST /_sandbox/carrierbilling/charges/{operation}", s.postDecision)
}

// UnmarshalJSON reads an amount, or null for none.
func (b *Balance) UnmarshalJSON(text []byte) error {
	b.Set = true
	if bytes.Equal(text, []byte("null")) {
		return nil
	}
	b.Amount = new(int64)
	return json.Unmarshal(text, b.Amount)
}

func (s *Service) postLine(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Balance  Balance `json:"balance"`
		Declines *string `json:"declines"`
	}
	if !asked(w, r, &in) {
		return
	}
	line, err := s.Set(r.PathValue("msisdn"), LineChange{in.Balance, in.Declines})
	answer(w, line, err)
}

func (s *Service) postSettings(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Idempotent   *bool `json:"idempotent"`
		Pending      *bool `json:"pending"`
		Insufficient *int  `json:"insufficient"`
		PerSecond    *int  `json:"perSecond"`
	}
	if !asked(w, r, &in) {
		return
	}
	answer(w, s.Configure(func(now *Settings) {
		set(&now.Idempotent, in.Idempotent)
		set(&now.Pending, in.Pending)
		set(&now.Insufficient, in.Insufficient)
		set(&now.PerSecond, in.PerSecond)
	}), nil)
}

func set[T any](member *T, given *T) {
	if given != nil {
		*member = *given
	}
}

func (s *Service) postDecision(w http.ResponseWriter, r *http.Request) {
	var in struct {
		State  string `json:"state"`
		Reason string `json:"reason"`
	}
	if !asked(w, r, &in) {
		return
	}
	declined := in.State == Declined && in.Reason != Unavailable && reasons[in.Reason]
	if !declined && (in.State != Charged || in.Reason != "") {
		answer(w, nil, &problem.Error{Kind: problem.Invalid, Fields: []problem.Field{{Path: "state", Rule: "must be COBRADO, or RECHAZADO with a reason that is filed"}}})
		return
	}
	c, found, err := s.Decide(r.PathValue("operation"), in.State, in.Reason)
	if err == nil && !found {
		err = &problem.Error{Kind: problem.NotFound, Detail: "no such charge"}
	}
	answer(w, c, err)
}

// asked reads the body of a control, and answers one that it cannot read.
func asked(w http.ResponseWriter, r *http.Request, in any) bool {
	r.Body = http.MaxBytesReader(w, r.Body, maxControl)
	if read(r, in) {
		return true
	}
	answer(w, nil, &problem.Error{Kind: problem.Invalid, Detail: "the body is not what this control takes"})
	return false
}

func answer(w http.ResponseWriter, v any, err error) {
	if err == nil {
		write(w, http.StatusOK, v)
		return
	}
	e := problem.Of(err)
	w.Header().Set("Content-Type", problem.MediaType)
	w.WriteHeader(e.Kind.Status())
	w.Write(problem.Marshal(e))
}
