package admin

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"slices"

	jsonv2 "github.com/go-json-experiment/json"

	"puente/shared/problem"
)

// Path is where the operations listener serves the Handler.
const Path = "/admin/v1"

// Summary is a resource in the list of all.
type Summary struct {
	Name     string   `json:"name"`
	Kind     string   `json:"kind"`
	Role     Role     `json:"role"`              // the least that may change it
	ReadOnly bool     `json:"readOnly"`          // neither applied nor deleted
	Exports  []string `json:"exports,omitempty"` // formats
}

// handler is the admin API over HTTP.
type handler struct {
	registry *Registry
	tokens   tokens
	maxBody  int64
	log      *slog.Logger
}

// Handler serves the registry for who has a token of cfg, below Path:
//
//	GET    /admin/v1                   the resources
//	GET    /admin/v1/{resource}        {"items": [Entity…]}; with ?format=csv the file of that format, where there is one, and with &of=… a part of it
//	GET    /admin/v1/{resource}/{id}   Entity
//	PUT    /admin/v1/{resource}/{id}   the spec as body; answers Result
//	DELETE /admin/v1/{resource}/{id}   204
//	POST   /admin/v1/apply             documents, see Documents; answers {"results": [Result…]}
//
// Errors are RFC 9457 problem documents.
func Handler(registry *Registry, cfg Config, log *slog.Logger) http.Handler {
	h := &handler{registry: registry, tokens: newTokens(cfg), maxBody: cfg.MaxBody, log: log}
	if h.maxBody == 0 {
		h.maxBody = 1 << 20
	}
	mux := http.NewServeMux()
	mux.Handle(Path, h.with(methods{"GET": h.resources}))
	mux.Handle(Path+"/{resource}", h.with(methods{"GET": h.list}))
	mux.Handle(Path+"/{resource}/{id}", h.with(methods{"GET": h.get, "PUT": h.put, "DELETE": h.delete}))
	mux.Handle("POST "+Path+"/apply", h.with(methods{"POST": h.apply}))
	mux.Handle(Path+"/", h.with(nil))
	return mux
}

// endpoint answers an authenticated request with a status and a JSON value, nil for no body.
type endpoint func(r *http.Request, who Actor) (status int, body any, err error)

type methods map[string]endpoint

// with authenticates first, so that nobody else learns what exists, then serves the method.
func (h *handler) with(serve methods) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		who, ok := h.tokens.actor(r)
		if !ok {
			h.registry.Deny(r.Context(), Actor{}, r.PathValue("resource"), r.PathValue("id"))
			w.Header().Set("WWW-Authenticate", `Bearer realm="admin"`)
			h.fail(w, r, &problem.Error{Kind: problem.Unauthenticated, Detail: "a valid admin token is required"})
			return
		}
		f, ok := serve[r.Method]
		if !ok {
			kind := problem.MethodNotAllowed
			if serve == nil {
				kind = problem.NotFound
			}
			h.fail(w, r, &problem.Error{Kind: kind})
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, h.maxBody)
		status, body, err := f(r, who)
		if err != nil {
			h.fail(w, r, err)
			return
		}
		if body == nil {
			header(w, "").WriteHeader(status)
			return
		}
		if f, ok := body.(file); ok {
			w.Header().Set("Content-Disposition", `attachment; filename="`+f.name+`"`)
			h.write(header(w, f.mediaType), r, status, f.content)
			return
		}
		b, err := jsonv2.Marshal(body, jsonv2.Deterministic(true))
		if err != nil {
			h.fail(w, r, err)
			return
		}
		h.write(header(w, "application/json"), r, status, append(b, '\n'))
	})
}

func (h *handler) resources(*http.Request, Actor) (int, any, error) {
	entries := []Summary{}
	for _, res := range h.registry.Resources() {
		entries = append(entries, Summary{Name: res.Name, Kind: res.Kind, Role: res.role(), ReadOnly: res.Apply == nil && res.Delete == nil, Exports: slices.Sorted(maps.Keys(res.Exports))})
	}
	return http.StatusOK, map[string]any{"resources": entries}, nil
}

func (h *handler) list(r *http.Request, _ Actor) (int, any, error) {
	if format := r.URL.Query().Get("format"); format != "" {
		f, err := h.registry.export(r.Context(), r.PathValue("resource"), format, r.URL.Query().Get("of"))
		return http.StatusOK, f, err
	}
	items, err := h.registry.List(r.Context(), r.PathValue("resource"))
	return http.StatusOK, map[string]any{"items": items}, err
}

func (h *handler) get(r *http.Request, _ Actor) (int, any, error) {
	v, err := h.registry.Get(r.Context(), r.PathValue("resource"), r.PathValue("id"))
	return http.StatusOK, v, err
}

func (h *handler) put(r *http.Request, who Actor) (int, any, error) {
	body, err := read(r)
	if err != nil {
		return 0, nil, err
	}
	result, err := h.registry.Put(r.Context(), who, r.PathValue("resource"), r.PathValue("id"), body)
	status := http.StatusOK
	if result.Outcome == OutcomeCreated {
		status = http.StatusCreated
	}
	return status, result, err
}

func (h *handler) delete(r *http.Request, who Actor) (int, any, error) {
	return http.StatusNoContent, nil, h.registry.Delete(r.Context(), who, r.PathValue("resource"), r.PathValue("id"))
}

func (h *handler) apply(r *http.Request, who Actor) (int, any, error) {
	body, err := read(r)
	if err != nil {
		return 0, nil, err
	}
	entities, err := Documents(body)
	if err != nil {
		return 0, nil, err
	}
	results, err := h.registry.Apply(r.Context(), who, entities)
	return http.StatusOK, map[string]any{"results": results}, err
}

// read gives the whole body. A PUT in YAML is not offered: what the spec is in is JSON.
func read(r *http.Request) (json.RawMessage, error) {
	body, err := io.ReadAll(r.Body)
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		return nil, &problem.Error{Kind: problem.TooLarge, Err: err}
	case err != nil:
		return nil, &problem.Error{Kind: problem.Invalid, Detail: "the body could not be read", Err: err}
	}
	return body, nil
}

// fail answers with the problem in err and logs what the answer hides.
func (h *handler) fail(w http.ResponseWriter, r *http.Request, err error) {
	p := problem.Of(err)
	if p.Kind.Outcome() == "server" {
		h.log.ErrorContext(r.Context(), "admin request failed", "resource", r.PathValue("resource"), "error", err)
	}
	if p.RetryAfter > 0 {
		w.Header().Set("Retry-After", problem.RetryAfterHeader(p.RetryAfter))
	}
	h.write(header(w, problem.MediaType), r, p.Kind.Status(), append(problem.Marshal(p), '\n'))
}

func (h *handler) write(w http.ResponseWriter, r *http.Request, status int, body []byte) {
	w.WriteHeader(status)
	if _, err := io.Copy(w, bytes.NewReader(body)); err != nil {
		h.log.DebugContext(r.Context(), "admin answer was not taken", "error", err)
	}
}

func header(w http.ResponseWriter, mediaType string) http.ResponseWriter {
	if mediaType != "" {
		w.Header().Set("Content-Type", mediaType)
	}
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	return w
}
