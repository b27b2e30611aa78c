// Package cataloguetest gives tests of the subscription process a database with a catalogue in it.
package cataloguetest

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"puente/papi/subscription/catalogue"
	"puente/shared/database"
	"puente/shared/database/databasetest"
	"puente/shared/keyring"
)

// Catalogue is a database with all tables of the process, and the catalogue in it.
type Catalogue struct {
	*catalogue.Store
	DB   *database.DB
	Ring *keyring.Ring
	t    testing.TB
}

// New makes an empty catalogue.
func New(t testing.TB) *Catalogue {
	t.Helper()
	files := os.DirFS(filepath.Join(module(t), "papi/subscription/sql/migrations"))
	ring, err := keyring.Ephemeral()
	if err != nil {
		t.Fatal(err)
	}
	c := &Catalogue{DB: databasetest.New(t, database.Migrations{Schema: "subscription", FS: files}), Ring: ring, t: t}
	c.Store = c.Replica()
	return c
}

// module is the folder of go.mod, above the one in which a test runs.
func module(t testing.TB) string {
	t.Helper()
	for dir := "."; ; dir = filepath.Join(dir, "..") {
		switch _, err := os.Stat(filepath.Join(dir, "go.mod")); {
		case err == nil:
			return dir
		case !errors.Is(err, os.ErrNotExist) || len(dir) > 100:
			t.Fatal("no go.mod above this test: ", err)
		}
	}
}

// Replica is the store of another process that works on the same database.
func (c *Catalogue) Replica() *catalogue.Store {
	c.t.Helper()
	s := catalogue.NewStore(c.DB, c.Ring, databasetest.Logger(c.t), prometheus.NewRegistry())
	if err := s.Load(context.Background()); err != nil {
		c.t.Fatal(err)
	}
	return s
}

// Apply makes an entity be as a document says; resource is the plural: partners.
func (c *Catalogue) Apply(resource, id, spec string) {
	c.t.Helper()
	for _, r := range c.Resources() {
		if r.Name != resource {
			continue
		}
		if _, err := r.Apply(context.Background(), id, json.RawMessage(spec)); err != nil {
			c.t.Fatalf("%s %s: %v", resource, id, err)
		}
		return
	}
	c.t.Fatalf("there is no resource %s", resource)
}

// Key32 is a key of redirect tokens.
const Key32 = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="

// Sample is the source document's partner, with a weekly product of $990 (1000000001) behind campaign
// juegos, a free one (1000000002) behind gratis, and a one-shot one (1000000003) behind canje.
func Sample(t testing.TB) *Catalogue {
	t.Helper()
	c := New(t)
	c.Apply("partners", "52272", `{"name":"Juegos SpA","country":"CL","environment":"PROD","notify":{},
		"redirect":{"keys":[{"id":"k1","secret":"`+Key32+`"}]}}`)
	c.Apply("shortcodes", "8888", `{"country":"CL"}`)
	c.Apply("services", "2000001784", `{"partner":"52272","name":"Juegos","shortCodes":["8888"]}`)
	c.Apply("products", "1000000001", `{"service":"2000001784","name":"Semanal","kind":"VAS","type":"SUBSCRIPTION","period":{"unit":"WEEK"},"pricePoints":[{"id":201507,"amount":990}]}`)
	c.Apply("products", "1000000002", `{"service":"2000001784","name":"Gratis","kind":"VAS","type":"SUBSCRIPTION","period":{"unit":"WEEK"},"pricePoints":[{"id":201508,"amount":0}]}`)
	c.Apply("products", "1000000003", `{"service":"2000001784","name":"Canje","kind":"CONTEST","type":"ONESHOT","pricePoints":[{"id":201509,"amount":500}]}`)
	c.Apply("campaigns", "juegos", `{"product":"1000000001"}`)
	c.Apply("campaigns", "gratis", `{"product":"1000000002"}`)
	c.Apply("campaigns", "canje", `{"product":"1000000003"}`)
	return c
}
