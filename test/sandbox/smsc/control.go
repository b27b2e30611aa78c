package smsc

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/url"
	"time"

	"puente/shared/problem"
)

// maxControl is the longest body of a control, in bytes.
const maxControl = 16 << 10

// Controls mounts the controls of messages and settings below /_sandbox.
func (s *Service) Controls(control func(pattern string, handler http.HandlerFunc)) {
	control("GET /_sandbox/smsc/messages", func(w http.ResponseWriter, r *http.Request) {
		answer(w, s.Messages(r.URL.Query().Get("to")), nil)
	})
	control("POST /_sandbox/smsc/messages/{number}", s.postReport)
	control("GET /_sandbox/smsc/mo", func(w http.ResponseWriter, _ *http.Request) { answer(w, s.sent.All(), nil) })
	control("POST /_sandbox/smsc/mo", s.postMO)
	control("GET /_sandbox/smsc/settings", func(w http.ResponseWriter, _ *http.Request) { answer(w, s.Configure(nil), nil) })
	control("POST /_sandbox/smsc/settings", s.postSettings)
}

func (s *Service) postReport(w http.ResponseWriter, r *http.Request) {
	var in struct {
		Status int    `json:"status"`
		Answer string `json:"answer"`
	}
	if !asked(w, r, &in) {
		return
	}
	m, ok := s.messages.Find(func(m Message) bool { return m.Number == r.PathValue("number") })
	if !ok {
		answer(w, nil, &problem.Error{Kind: problem.NotFound, Detail: "no such message"})
		return
	}
	if m.ReportURL == "" {
		answer(w, nil, &problem.Error{Kind: problem.Conflict, Detail: "nobody wants a report of this message"})
		return
	}
	m.Mask = ^0 // the control says so
	if !s.report(r.Context(), m, in.Status, in.Answer) {
		answer(w, nil, &problem.Error{Kind: problem.BadUpstream, Detail: "the report was not taken"})
		return
	}
	m, _ = s.messages.Find(func(known Message) bool { return known.Number == m.Number })
	answer(w, m, nil)
}

func (s *Service) postMO(w http.ResponseWriter, r *http.Request) {
	var in struct{ From, To, Text string }
	if !asked(w, r, &in) {
		return
	}
	if in.From == "" || in.To == "" {
		answer(w, nil, invalid("from", "is required, with to"))
		return
	}
	mo, err := s.Send(r.Context(), in.From, in.To, in.Text)
	if errors.Is(err, ErrNowhere) {
		err = &problem.Error{Kind: problem.Conflict, Detail: "POST /_sandbox/smsc/settings with moUrl tells where messages of phones go"}
	}
	answer(w, mo, err)
}

func (s *Service) postSettings(w http.ResponseWriter, r *http.Request) {
	var in struct{ MOURL, Username, Password, Late, Answer *string }
	if !asked(w, r, &in) {
		return
	}
	if in.MOURL != nil && *in.MOURL != "" {
		u, err := url.Parse(expand(*in.MOURL, map[byte]string{'p': "", 'P': "", 'a': "", 'b': "", 'C': "", 'c': "", 'i': "", 'I': "", 'F': ""}, time.Time{}))
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
			answer(w, nil, invalid("moUrl", "must be an http or https URL"))
			return
		}
	}
	if in.Late != nil {
		if late, err := time.ParseDuration(*in.Late); err != nil || late < 0 {
			answer(w, nil, invalid("late", "must be a duration"))
			return
		}
	}
	if in.Answer != nil {
		if _, ok := answers[*in.Answer]; !ok {
			answer(w, nil, invalid("answer", "must be empty, queued, unroutable or temporal"))
			return
		}
	}
	answer(w, s.Configure(func(now *Settings) {
		set(&now.MOURL, in.MOURL)
		set(&now.Username, in.Username)
		set(&now.Password, in.Password)
		set(&now.Late, in.Late)
		set(&now.Answer, in.Answer)
	}), nil)
}

func set[T any](member *T, given *T) {
	if given != nil {
		*member = *given
	}
}

func invalid(path, rule string) error {
	return &problem.Error{Kind: problem.Invalid, Fields: []problem.Field{{Path: path, Rule: rule}}}
}

// asked reads the body of a control, and answers one that it cannot read.
func asked(w http.ResponseWriter, r *http.Request, in any) bool {
	decoder := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxControl))
	decoder.DisallowUnknownFields()
	err := decoder.Decode(in)
	if err == nil {
		if _, err = decoder.Token(); errors.Is(err, io.EOF) {
			return true
		}
	}
	answer(w, nil, &problem.Error{Kind: problem.Invalid, Detail: "the body is not what this control takes"})
	return false
}

func answer(w http.ResponseWriter, v any, err error) {
	status, media := http.StatusOK, "application/json"
	var text []byte
	if err == nil {
		text, err = json.Marshal(v)
	}
	if err != nil {
		e := problem.Of(err)
		status, media, text = e.Kind.Status(), problem.MediaType, problem.Marshal(e)
	}
	w.Header().Set("Content-Type", media)
	w.WriteHeader(status)
	w.Write(text)
}
