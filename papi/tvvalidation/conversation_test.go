package tvvalidation

import (
	"context"
	"testing"

	"puente/contracts/sapi/inventory"
	"puente/contracts/sapi/tvplatforms"
	"puente/shared/server"
	"puente/test/apitest"
)

// Nothing is remembered from one request to the next, nobody looks for what is to be resumed, and each
// request finds the tables as the file left them.
func TestConversations(t *testing.T) {
	api := API
	api.Mount = func(env *server.Env) error {
		p, err := wire(env)
		if err == nil {
			p.tables = current{t, p.tables.(*store)}
		}
		return err
	}
	apitest.Run(t, api, "testdata/*.txtar", apitest.Below(&inventory.Contract), apitest.Below(&tvplatforms.Contract),
		apitest.Setting("papi.tvvalidation.cache.lifetime", "0s"), apitest.Setting("papi.tvvalidation.normalizations.resume", "24h"))
}

// current are tables that do not wait to be told of a change.
type current struct {
	t *testing.T
	*store
}

func (c current) Snapshot() *tables {
	if err := c.Load(context.Background()); err != nil {
		c.t.Error(err)
	}
	return c.store.Snapshot()
}
