package credential

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"sync"

	"github.com/jackc/pgx/v5"

	contract "puente/contracts/papi/subscription"
	"puente/papi/subscription/catalogue"
	"puente/papi/subscription/sql"
	"puente/shared/database"
)

// Why a token opens nothing: for log and audit.
const (
	ReasonUnknown          = "UNKNOWN"
	ReasonExpired          = "EXPIRED"
	ReasonOtherAPI         = "OTHER_API"
	ReasonClientUnknown    = "CLIENT_UNKNOWN"
	ReasonClientDisabled   = "CLIENT_DISABLED"
	ReasonPartnerSuspended = "PARTNER_SUSPENDED"
	ReasonSecretChanged    = "SECRET_CHANGED"
	ReasonAPIWithdrawn     = "API_WITHDRAWN"
)

// VerifyToken is the operation of that name. Of a token that opens nothing it tells why, and nothing else.
func (c *Credentials) VerifyToken(ctx context.Context, in contract.TokenQuery) (contract.TokenVerdict, error) {
	now, err := c.snapshot()
	if err != nil {
		return contract.TokenVerdict{}, err
	}
	if !wellFormed(in.Token) {
		return contract.TokenVerdict{Reason: ReasonUnknown}, nil
	}
	token, found, err := c.token(ctx, sha256.Sum256([]byte(in.Token)))
	if err != nil {
		return contract.TokenVerdict{}, fmt.Errorf("verify token: %w", err)
	}
	if !found {
		return contract.TokenVerdict{Reason: ReasonUnknown}, nil
	}
	client, reason := c.judge(now, token, in.API)
	if reason != "" {
		return contract.TokenVerdict{Reason: reason}, nil
	}
	return contract.TokenVerdict{
		Active: true, Client: client.ID, PartnerID: client.Partner.ID, Expires: token.ExpiresAt.Unix(), Manner: manner(client.Partner),
	}, nil
}

// judge is why a token opens nothing now; empty: it opens the API.
func (c *Credentials) judge(now *catalogue.Snapshot, token sql.SubscriptionToken, api contract.API) (*catalogue.Client, string) {
	client, known := now.Client(token.Client)
	switch {
	case !token.ExpiresAt.After(c.now()):
		return nil, ReasonExpired
	case api != "" && string(api) != token.Api:
		return nil, ReasonOtherAPI
	case !known:
		return nil, ReasonClientUnknown
	case client.Status != catalogue.StatusActive:
		return nil, ReasonClientDisabled
	case client.Partner.Status != catalogue.StatusActive:
		return nil, ReasonPartnerSuspended
	case client.Secret.Fingerprint() != token.Credential:
		return nil, ReasonSecretChanged
	case !client.May(token.Api):
		return nil, ReasonAPIWithdrawn
	}
	return client, ""
}

// token reads a token's row, once as long as it is remembered. That there is none is asked each time.
func (c *Credentials) token(ctx context.Context, hash [sha256.Size]byte) (row sql.SubscriptionToken, found bool, err error) {
	if row, found = c.known.get(hash); found {
		return row, true, nil
	}
	row, err = sql.New(c.db).Token(ctx, hash[:])
	if errors.Is(err, pgx.ErrNoRows) {
		return row, false, nil
	}
	if err != nil {
		return row, false, database.Problem(err)
	}
	c.known.put(hash, row)
	return row, true, nil
}

// remembered is how many tokens a process remembers; partners have few at a time.
const remembered = 4096

// cache remembers rows, which never change. What is thrown out to make room is any.
type cache struct {
	mu   *sync.RWMutex
	rows map[[sha256.Size]byte]sql.SubscriptionToken
}

func newCache() cache {
	return cache{new(sync.RWMutex), make(map[[sha256.Size]byte]sql.SubscriptionToken)}
}

func (c cache) get(hash [sha256.Size]byte) (sql.SubscriptionToken, bool) {
	c.mu.RLock()
	defer c.mu.RUnlock()
	row, ok := c.rows[hash]
	return row, ok
}

func (c cache) put(hash [sha256.Size]byte, row sql.SubscriptionToken) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.rows) >= remembered {
		for other := range c.rows {
			delete(c.rows, other)
			break
		}
	}
	c.rows[hash] = row
}
