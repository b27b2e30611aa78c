package server

import (
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"

	"puente/shared/policy"
	"puente/shared/problem"
)

// openEdge makes the routers. Nothing is redirected or guessed: a path has one reading.
func (h *host) openEdge() {
	h.public, h.plain, h.callbacks, h.internal = router(), router(), router(), router()
	h.edge = &policy.Edge{
		Instance: h.instance, Settings: &h.policies, Access: h.access, Texts: h.texts, Limiter: h.limiter, Shedder: h.shedder, Answers: h.answers,
		Audit: h.audit, Ring: h.ring, Metrics: h.metrics, Breaches: h.breaches, Tracer: h.tracer, Log: h.log,
	}
	h.edge.Open()
	h.unmatched(h.public, Public, "xapi")
	h.unmatched(h.plain, Public, "xapi")
	h.unmatched(h.callbacks, Callbacks, "sapi")
	refuse := func(c *gin.Context) {
		e := problem.Errorf(problem.NotFound, "no such operation")
		c.Data(http.StatusNotFound, problem.MediaType, problem.Marshal(e))
	}
	h.internal.NoRoute(refuse)
}

func router() *gin.Engine {
	gin.SetMode(gin.ReleaseMode)
	r := gin.New()
	r.RedirectTrailingSlash, r.RedirectFixedPath, r.HandleMethodNotAllowed = false, false, true
	r.ForwardedByClientIP = false
	return r
}

// unmatched has requests to a listener refused that no operation takes, in the dialect of the API whose
// paths begin like theirs, or are right below them; layer is that of a request that resembles no API.
func (h *host) unmatched(r *gin.Engine, l Listener, layer string) {
	unknown := &policy.Route{Layer: layer, API: "none", Dialect: problem.Details, Class: class(l)}
	nearest := func(path string) *policy.Route {
		if found := h.resembling(l, path); found != nil {
			return found.unmatched
		}
		return unknown
	}
	r.NoRoute(h.edge.Unmatched(nearest, problem.NotFound, func(path string) string { return h.notFoundCode(l, path) }))
	r.NoMethod(h.edge.Unmatched(nearest, problem.MethodNotAllowed, func(string) string { return "" }))
}

// class is that of load shedding: who calls back has places that channels do not take.
func class(l Listener) string {
	if l == Callbacks {
		return "webhook"
	}
	return "api"
}

func (h *host) resembling(l Listener, path string) *publicRoute {
	var best *publicRoute
	for i, r := range h.routes {
		if r.listener == l && strings.HasPrefix(path+"/", r.prefix) && (best == nil || len(r.prefix) > len(best.prefix)) {
			best = &h.routes[i]
		}
	}
	return best
}

// notFoundCode is the code an API has for one more path segment than it knows.
func (h *host) notFoundCode(l Listener, path string) string {
	if r := h.resembling(l, path); r != nil && !strings.Contains(strings.TrimPrefix(path, r.prefix), "/") {
		return r.notFound
	}
	return ""
}
