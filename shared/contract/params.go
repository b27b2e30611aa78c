package contract

import (
	"net/http"
	"net/url"

	"github.com/getkin/kin-openapi/openapi3"

	"puente/shared/problem"
)

// Params checks the path, query and header parameters of one operation.
type Params struct{}

// Read checks the parameters of a request; path gives a path parameter by its name.
func (p *Params) Read(path func(string) string, query url.Values, header http.Header) []problem.Field {
	return nil
}

func (r *reading) params(place string, shared, own openapi3.Parameters) *Params { return &Params{} }
