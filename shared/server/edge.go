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
	h.public, h.internal = router(), router()
	h.edge = &policy.Edge{
		Instance: h.instance, Settings: &h.policies, Access: h.access, Texts: h.texts, Limiter: h.limiter, Shedder: h.shedder, Answers: h.answers,
		Audit: h.audit, Ring: h.ring, Metrics: h.metrics, Breaches: h.breaches, Tracer: h.tracer, Log: h.log,
	}
	h.edge.Open()
	h.unknown = &policy.Route{API: "none", Dialect: problem.Details, Class: "api"}
	h.public.NoRoute(h.edge.Unmatched(h.nearest, problem.NotFound, h.notFoundCode))
	h.public.NoMethod(h.edge.Unmatched(h.nearest, problem.MethodNotAllowed, func(string) string { return "" }))
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

// nearest is the route whose API's paths begin like path, or are right below it; its dialect answers.
func (h *host) nearest(path string) *policy.Route {
	found := h.resembling(path)
	if found == nil {
		return h.unknown
	}
	return found.unmatched
}

func (h *host) resembling(path string) *publicRoute {
	var best *publicRoute
	for i, r := range h.routes {
		if strings.HasPrefix(path+"/", r.prefix) && (best == nil || len(r.prefix) > len(best.prefix)) {
			best = &h.routes[i]
		}
	}
	return best
}

// notFoundCode is the code an API has for one more path segment than it knows.
func (h *host) notFoundCode(path string) string {
	if r := h.resembling(path); r != nil && !strings.Contains(strings.TrimPrefix(path, r.prefix), "/") {
		return r.notFound
	}
	return ""
}
