// Package apitest plays conversation files against an API that runs for real: through server.Run,
// with a database of its own, listeners on free ports and every policy in force. The player is the
// caller, the third-party systems and the layers below; what the files say is what must happen,
// exactly and in order.
//
//	# Comment: what this shows.
//	-- request --
//	POST /v1/salesOrder/portabilities/portabilidades
//	X-System-Name: TIENDA
//
//	{"phone": "3000000019", …}
//	-- salesorder request --
//	POST /bot/salesOrder/encrypted/v1
//
//	{"intent": "REQUEST_NIP", …}
//	-- salesorder response --
//	200 OK
//
//	{"state": "NIP_REQUESTED"}
//	-- response --
//	200 OK
//
//	{"responseHeader": …}
//
// Calls that the API makes at once stand after each other, all but the first marked "and", as in
// "-- and salesorder request --"; they may come in any order.
//
// A file may have several exchanges; one between a call's request and its response happens while the
// API waits for that. Section "sql" is a statement that changes what the database holds, such as the
// time at which something happened. A backend may answer "hang" or "reset" in place of a status. For
// what differs from run to run see placeholders. Header lines that a file does not name are not
// compared; one without a value must not be there.
//
// A request to a public API without a line Authorization carries a token of client "tienda" (see
// stubVerifier); an empty line sends none. A request to an inner API is signed by the layer above, on
// behalf of what a line "Principal: client/system/channel" says, and sealed where the contract wants
// it; with a line Authorization or Content-Type of its own it is sent as it stands. Calls to the layer
// below show in the files as they are before they are sealed, with such a line Principal.
//
// Beside what the file says, every answer is validated against the API's document by kin-openapi, and
// every call must continue the request's trace.
package apitest

import (
	"path/filepath"
	"strings"
	"testing"

	"puente/shared/access"
	"puente/shared/hop"
	"puente/shared/server"
)

// Run plays every file that pattern matches against api. All share one process; what they leave in
// the database is removed between them.
func Run(t *testing.T, api server.API, pattern string, opts ...Option) {
	t.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		t.Fatalf("apitest: no file matches %s", pattern)
	}
	o := options{settings: map[string]any{}}
	for _, opt := range opts {
		opt(&o)
	}
	p := start(t, api, o)
	for _, file := range files {
		c, err := read(file)
		if err != nil {
			t.Errorf("apitest: %v", err)
			continue
		}
		t.Run(c.name, func(t *testing.T) {
			if err := p.play(t.Context(), c); err != nil {
				t.Error(err)
			}
		})
	}
}

// Option adapts a run.
type Option func(*options)

type options struct {
	backends []backend
	below    []*hop.Contract
	settings map[string]any // by key: sapi.salesorder.nip.requests
	entities []access.Entities

	statements string
}

// backend is a third-party system that the player plays.
type backend struct{ target, key string }

// Backend makes the player play a third-party system, which files call target; the configuration's
// key gets its address.
func Backend(target, key string) Option {
	return func(o *options) { o.backends = append(o.backends, backend{target, key}) }
}

// Below makes the player play an API of the layer below, which files call by its contract's name.
func Below(c *hop.Contract) Option {
	return func(o *options) { o.below = append(o.below, c) }
}

// Setting configures key, such as sapi.salesorder.nip.requests.
func Setting(key string, value any) Option {
	return func(o *options) { o.settings[key] = value }
}

// Seed adds clients, systems, tiers and switches to those of a public API's run, which are client
// tienda, bound to system TIENDA, with a contract of tier default for the API.
func Seed(e access.Entities) Option {
	return func(o *options) { o.entities = append(o.entities, e) }
}

// SQL changes the database before anything is loaded from it, such as texts that operators edited.
func SQL(statements string) Option {
	return func(o *options) { o.statements = statements }
}

// set writes a value at a dotted key of nested sections.
func set(sections map[string]any, key string, value any) {
	for {
		name, rest, nested := strings.Cut(key, ".")
		if !nested {
			sections[name] = value
			return
		}
		below, ok := sections[name].(map[string]any)
		if !ok {
			below = map[string]any{}
			sections[name] = below
		}
		sections, key = below, rest
	}
}
