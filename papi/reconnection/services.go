package reconnection

import (
	"context"

	"github.com/maypok86/otter/v2"

	"puente/contracts/sapi/inventory"
)

// service looks a connection up, or remembers it for a moment. A connection without a service is
// asked for each time: it may be a new one. All who ask for one at once share the look-up.
func (p *process) service(ctx context.Context, connection string) (inventory.Service, error) {
	load := otter.LoaderFunc[[32]byte, inventory.Service](func(ctx context.Context, _ [32]byte) (inventory.Service, error) {
		return p.services.Service(ctx, inventory.ServiceQuery{Connection: connection})
	})
	key := p.serviceKey(connection)
	if p.cache == nil {
		return load(ctx, key)
	}
	found, err := p.cache.Get(ctx, key, load)
	if found.Suspension != nil { // the cache's own stays its own
		suspension := *found.Suspension
		found.Suspension = &suspension
	}
	return found, err
}

// forget has the next request look the connections up again.
func (p *process) forget(connections ...string) {
	if p.cache == nil {
		return
	}
	for _, connection := range connections {
		p.cache.Invalidate(p.serviceKey(connection))
	}
}

func (p *process) serviceKey(connection string) [32]byte {
	return p.ring.MAC("reconnection.service", []byte(connection))
}
