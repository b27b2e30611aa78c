package server

import (
	"context"
	"net/http"
	"net/http/pprof"

	"puente/shared/admin"
	"puente/shared/audit"
	"puente/shared/policy"
	"puente/shared/problem"
	"puente/shared/telemetry"
)

// exposed is what answers without a token: health, metrics and the error catalogue.
func (h *host) exposed() *http.ServeMux {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /livez", livez)
	mux.HandleFunc("GET /readyz", h.health.readyz)
	mux.Handle("GET /metrics", telemetry.MetricsHandler(h.registerer))
	mux.HandleFunc("GET /errors", func(w http.ResponseWriter, _ *http.Request) {
		answerJSON(w, http.StatusOK, problem.Catalogue(h.declared()...))
	})
	mux.HandleFunc("GET /errors/{code}", h.explain)
	if h.settings.Ops.Profile {
		mux.HandleFunc("GET /debug/pprof/", pprof.Index)
		mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	}
	return mux
}

// declared are the codes that the contracts of the program explain.
func (h *host) declared() []problem.Entry {
	var all []problem.Entry
	for _, layer := range h.program {
		for i := range layer.APIs {
			doc, err := layer.APIs[i].Contract.Document()
			if err != nil { // configure reports it
				continue
			}
			for _, op := range doc.Operations {
				for _, e := range op.Errors {
					e.API = layer.APIs[i].Contract.Name
					all = append(all, e)
				}
			}
		}
	}
	return all
}

// explain answers what a code means, who acts on it, and whether to try again.
func (h *host) explain(w http.ResponseWriter, r *http.Request) {
	found := problem.Explain(r.PathValue("code"), h.declared()...)
	if len(found) == 0 {
		answerJSON(w, http.StatusNotFound, map[string]string{"detail": "There is no such code"})
		return
	}
	answerJSON(w, http.StatusOK, found)
}

// beforehand is what operators reach while the process starts.
func (h *host) beforehand() http.Handler {
	mux := h.exposed()
	mux.HandleFunc("/admin/", starting)
	return mux
}

// administration is what operators and their tools reach: the chain in force, resources, audit and the breakers,
// beside what is exposed.
func (h *host) administration() http.Handler {
	mux := h.exposed()
	mux.Handle("/admin/v1/", admin.Handler(h.admin, h.settings.Admin, h.log))
	mux.Handle("/admin/v1", admin.Handler(h.admin, h.settings.Admin, h.log))
	return mux
}

// chain is an operation's policies as they are in force.
type chain struct {
	ID        string           `json:"id"` // api.operation
	API       string           `json:"api"`
	Operation string           `json:"operation"`
	Path      string           `json:"path"`
	Policies  []policy.InForce `json:"policies"`
}

// resources are what the process itself lets operators see and set.
func (h *host) resources() []admin.Resource {
	return []admin.Resource{h.policyResource(), h.circuitResource(), h.auditResource(), h.chainResource()}
}

func (h *host) policyResource() admin.Resource {
	list := func() []any {
		var chains []any
		for _, layer := range h.layers {
			for i := range layer.APIs {
				api := &layer.APIs[i]
				doc, err := api.Contract.Document()
				if err != nil || api.listener() != Public && api.listener() != Callbacks {
					continue
				}
				for _, op := range doc.Operations {
					chains = append(chains, chain{api.Contract.Name + "." + op.ID, api.Contract.Name, op.ID, op.Path,
						policy.Order(h.policies.Load(), api.Contract.Name, op)})
				}
			}
		}
		return chains
	}
	return admin.Resource{
		Name: "policies", Kind: "Policies",
		List: func(context.Context) ([]any, error) { return list(), nil },
		Get: func(_ context.Context, id string) (any, error) {
			for _, c := range list() {
				if c.(chain).ID == id {
					return c, nil
				}
			}
			return nil, problem.NotFound
		},
	}
}

// auditResource shows the records of one correlation ID.
func (h *host) auditResource() admin.Resource {
	return admin.Resource{
		Name: "audit", Kind: "Audit",
		List: func(context.Context) ([]any, error) {
			return nil, &problem.Error{Kind: problem.Invalid, Fields: []problem.Field{{Path: "path", Rule: "must name a correlation ID"}}}
		},
		Get: func(ctx context.Context, correlation string) (any, error) {
			if err := h.audit.Flush(ctx); err != nil {
				return nil, err
			}
			rows, err := audit.Search(ctx, h.db, audit.Query{Correlation: correlation, Limit: 100})
			if err == nil && len(rows) == 0 {
				err = problem.NotFound
			}
			return rows, err
		},
	}
}

// chainResource verifies the audit chains of all instances.
func (h *host) chainResource() admin.Resource {
	return admin.Resource{
		Name: "audit-chain", Kind: "AuditChain",
		List: func(ctx context.Context) ([]any, error) {
			report, err := h.audit.Verify(ctx)
			return []any{report}, err
		},
		Get: func(ctx context.Context, _ string) (any, error) { return h.audit.Verify(ctx) },
	}
}
