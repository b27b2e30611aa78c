package sandbox

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"

	"puente/shared/problem"
	"puente/test/sandbox/fault"
)

// maxBody is the longest request body that a system takes, in bytes; longer ones are answered 413.
const maxBody = 8 << 20

// mount builds the handler: controls below /_sandbox, everything else to the systems.
func (s *Sandbox) mount() http.Handler {
	systems, controls := http.NewServeMux(), http.NewServeMux()
	for _, system := range s.systems {
		system.Mount(func(operation, pattern string, handler http.HandlerFunc) {
			s.routes = append(s.routes, Route{system.Name(), operation, pattern})
			systems.Handle(pattern, s.operation(system.Name(), operation, handler))
		})
		if c, ok := system.(controller); ok {
			c.Controls(func(pattern string, handler http.HandlerFunc) { controls.Handle(pattern, handler) })
		}
	}
	s.control(controls)
	guarded := onLoopback(controls)
	unmatched := s.operation("", "", systems) // 404 and 405, recorded all the same
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/_sandbox" || strings.HasPrefix(r.URL.Path, "/_sandbox/") {
			guarded.ServeHTTP(w, r)
		} else if _, pattern := systems.Handler(r); pattern == "" {
			unmatched.ServeHTTP(w, r)
		} else {
			systems.ServeHTTP(w, r)
		}
	})
}

// operation wraps an operation: its request is recorded, and answered by a fault where one strikes.
func (s *Sandbox) operation(system, name string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		arrived := s.cfg.Now()
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
		entry := s.recorder.begin(record(arrived, system, name, r, body))
		w = &observed{ResponseWriter: w, answered: entry.answered}

		// The body is read: from here on net/http watches the connection and ends the context when
		// the caller leaves.
		caller := r.Context()
		stay := context.AfterFunc(caller, func() { entry.abandoned(s.cfg.Now()) })
		defer func() {
			if stay() && caller.Err() != nil { // left just now: this function was faster
				entry.abandoned(s.cfg.Now())
			}
		}()
		epoch := s.current()
		ctx, cancel := context.WithCancel(fault.WithVisit(caller, fault.Visit{
			Stop: epoch.Done(), Struck: func(k fault.Kind) { entry.struck(k) },
		}))
		defer cancel()
		defer context.AfterFunc(epoch, cancel)()

		if err != nil {
			refuse(w, unreadable(err))
			return
		}
		r = r.WithContext(ctx)
		r.Body = io.NopCloser(bytes.NewReader(body))
		if f, strikes := s.faults.strike(system, name); strikes {
			f.Serve(w, r, next)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func unreadable(err error) *problem.Error {
	var long *http.MaxBytesError
	if errors.As(err, &long) {
		return &problem.Error{Kind: problem.TooLarge, Detail: "the body is longer than 8 MiB", Err: err}
	}
	return &problem.Error{Kind: problem.Invalid, Detail: "the body could not be read", Err: err}
}

// observed tells the recorder the status before the first byte of the answer leaves, so that
// whoever has the answer finds it recorded.
type observed struct {
	http.ResponseWriter
	answered func(status int)
	told     bool
}

// WriteHeader, Write and Unwrap make an http.ResponseWriter that http.ResponseController sees through.
func (o *observed) WriteHeader(status int) {
	if !o.told && status >= 200 {
		o.told = true
		o.answered(status)
	}
	o.ResponseWriter.WriteHeader(status)
}

func (o *observed) Write(p []byte) (int, error) {
	if !o.told {
		o.WriteHeader(http.StatusOK)
	}
	return o.ResponseWriter.Write(p)
}

// Unwrap gives http.ResponseController the server's writer.
func (o *observed) Unwrap() http.ResponseWriter { return o.ResponseWriter }
