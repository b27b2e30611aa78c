package sandbox

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"puente/shared/problem"
)

// Clock reads and moves the business clock of the program under test, so that a renewal or an
// expiry of next month can be seen today. The systems of the sandbox do not follow it.
type Clock struct {
	Offset    func(context.Context) (time.Duration, error)
	SetOffset func(context.Context, time.Duration) error
}

// offset is the body of /_sandbox/clock.
type offset struct {
	Offset string    `json:"offset"` // as time.ParseDuration reads it: 720h, -30m
	Now    time.Time `json:"now,omitzero"`
}

func (s *Sandbox) getClock(w http.ResponseWriter, r *http.Request) {
	d, err := s.cfg.Clock.Offset(r.Context())
	if err != nil {
		s.log.Error("sandbox clock", "error", err)
		refuse(w, problem.Of(err))
		return
	}
	write(w, http.StatusOK, offset{Offset: d.String(), Now: s.cfg.Now().Add(d)})
}

func (s *Sandbox) postClock(w http.ResponseWriter, r *http.Request) {
	var in offset
	decoder := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxControl))
	decoder.DisallowUnknownFields()
	err := decoder.Decode(&in)
	var d time.Duration
	if err == nil {
		d, err = time.ParseDuration(in.Offset)
	}
	if err != nil {
		refuse(w, &problem.Error{Kind: problem.Invalid, Fields: []problem.Field{{
			Path: "offset", Rule: `must be a duration such as "720h"`,
		}}, Err: err})
		return
	}
	if err := s.cfg.Clock.SetOffset(r.Context(), d); err != nil {
		s.log.Error("sandbox clock", "error", err)
		refuse(w, problem.Of(err))
		return
	}
	s.getClock(w, r)
}
