// Package credential gives partners' clients their access tokens and tells what a token opens
// (specification §3; invariant 17). A token is good for the one API that it was given for. Its row never
// changes: whether its client may still use it is judged each time by the catalogue, so that a token dies
// within a second of its client, its secret, its partner or its right to the API.
//
// It also opens the redirect tokens that browsers bring to partners (§8; invariant 16), each once.
package credential

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"time"

	contract "puente/contracts/papi/subscription"
	"puente/papi/subscription/catalogue"
	"puente/papi/subscription/evidence"
	"puente/papi/subscription/redirect"
	"puente/papi/subscription/sql"
	"puente/papi/subscription/tally"
	"puente/shared/database"
	"puente/shared/problem"
)

// Config is section papi.subscription.tokens.
type Config struct {
	Life time.Duration `yaml:"life"` // of an access token
}

// Defaults are those of a configuration that says nothing.
func Defaults() Config { return Config{Life: time.Hour} }

// Validate names what is wrong.
func (c Config) Validate() error {
	if c.Life < time.Minute || c.Life > 24*time.Hour || c.Life%time.Second != 0 {
		return errors.New("life: must be whole seconds, from 1m to 24h")
	}
	return nil
}

// Credentials issues and verifies tokens.
type Credentials struct {
	cfg       Config
	db        *database.DB
	catalogue *catalogue.Store
	tally     *tally.Tally
	evidence  *evidence.Recorder
	now       func() time.Time
	log       *slog.Logger

	nobody catalogue.Secret // that of a client that is not there
	none   *redirect.Tokens // those of a partner that has no keys
	known  cache
}

// Deps is what credentials work with.
type Deps struct {
	DB        *database.DB
	Catalogue *catalogue.Store
	Tally     *tally.Tally
	Evidence  *evidence.Recorder // nil: none is kept
	Now       func() time.Time   // business time
	Log       *slog.Logger
}

// New makes credentials.
func New(cfg Config, d Deps) (*Credentials, error) {
	key := make([]byte, 32)
	_, _ = rand.Read(key) // never fails (crypto/rand)
	none, err := redirect.New(redirect.Profile{Partner: 1, Keys: []redirect.Key{{ID: "none", Secret: key}}, MSISDN: func(string) bool { return false }})
	if err != nil {
		return nil, err
	}
	return &Credentials{
		cfg: cfg, db: d.DB, catalogue: d.Catalogue, tally: d.Tally, evidence: d.Evidence, now: d.Now, log: d.Log,
		nobody: catalogue.NewSecret(rand.Text()), none: none, known: newCache(),
	}, nil
}

// snapshot is the catalogue to judge by. Before its first load nobody is refused as unknown.
func (c *Credentials) snapshot() (*catalogue.Snapshot, error) {
	now := c.catalogue.Snapshot()
	if now.Version() == 0 {
		return nil, &problem.Error{Kind: problem.Unavailable, RetryAfter: database.RetryAfter, Err: errors.New("the catalogue has not been loaded")}
	}
	return now, nil
}

// Prune forgets tokens that have expired, redirect tokens that nobody opens any more, and what was
// counted before.
func (c *Credentials) Prune(ctx context.Context) error {
	q, at := sql.New(c.db), c.now()
	for _, prune := range []func(context.Context, time.Time) (int64, error){q.PruneTokens, q.PruneRedirects} {
		for {
			n, err := prune(ctx, at)
			if err != nil {
				return database.Problem(fmt.Errorf("prune tokens: %w", err))
			}
			if n == 0 {
				break
			}
		}
	}
	return c.tally.Prune(ctx, c.db, at)
}

// manner is how a partner wants to be answered: rest/es.
func manner(p *catalogue.Partner) string { return string(p.Pairing) + "/" + p.Language }

func refuse(kind problem.Kind, code string) error { return &problem.Error{Kind: kind, Code: code} }

var errRedirect = refuse(problem.Rejected, contract.CodeRedirectInvalid)
