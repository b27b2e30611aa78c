package server

import (
	"context"
	"strings"

	"puente/shared/access"
	"puente/shared/admin"
	"puente/shared/problem"
)

// listed is an API as `puente admin list apis` shows it.
type listed struct {
	ID       string `json:"id"`
	Layer    string `json:"layer"`
	Title    string `json:"title"`
	Version  string `json:"version"`
	Category string `json:"category,omitempty"`
	Hosted   bool   `json:"hosted"` // by this process
}

// apiResource shows every API of the program, hosted here or not. A switch, a client's contract or
// a system that names another is refused: a typing error would else be a switch that does nothing.
func (h *host) apiResource() (admin.Resource, error) {
	var all []any
	for _, layer := range h.program {
		for i := range layer.APIs {
			c := layer.APIs[i].Contract
			doc, err := c.Document()
			if err != nil {
				return admin.Resource{}, err
			}
			all = append(all, listed{c.Name, c.Layer, doc.Title, doc.Version, doc.Category, h.hosts(c.Layer)})
		}
	}
	return admin.Resource{
		Name: "apis", Kind: access.API,
		List: func(context.Context) ([]any, error) { return all, nil },
		Get: func(_ context.Context, id string) (any, error) {
			for _, api := range all {
				if strings.EqualFold(api.(listed).ID, id) {
					return api, nil
				}
			}
			return nil, &problem.Error{Kind: problem.NotFound, Detail: "there is no such API"}
		},
	}, nil
}
