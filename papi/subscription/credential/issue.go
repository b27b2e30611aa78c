package credential

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	contract "puente/contracts/papi/subscription"
	"puente/papi/subscription/catalogue"
	"puente/papi/subscription/sql"
	"puente/papi/subscription/tally"
	"puente/shared/database"
	"puente/shared/problem"
)

// What may fail in a minute, of a client and of an address (specification §3).
const (
	failures = 10
	minute   = time.Minute
)

// IssueToken is the operation of that name. A client that is unknown or disabled, and one whose secret is
// another, are refused by the same steps. After ten failures the right secret is refused, too, until the
// minute is over: it is found right only in line with all that is counted at the time.
func (c *Credentials) IssueToken(ctx context.Context, in contract.TokenRequest) (contract.Token, error) {
	now, err := c.snapshot()
	if err != nil {
		return contract.Token{}, err
	}
	at := c.now()
	windows := []tally.Window{
		{What: "token client", Who: in.ClientID, Most: failures, Span: minute},
		{What: "token address", Who: tally.Address(in.Address), Most: failures, Span: minute},
	}
	client, right := c.authenticate(now, in)
	if !right {
		wait, err := c.tally.Count(ctx, c.db, at, 1, windows...)
		if err != nil {
			return contract.Token{}, fmt.Errorf("issue token: %w", err)
		}
		if wait > 0 {
			return contract.Token{}, tooMany(wait)
		}
		return contract.Token{}, refuse(problem.Unauthenticated, contract.CodeInvalidClient)
	}
	token, wait := newToken(), time.Duration(0)
	err = pgx.BeginFunc(ctx, c.db, func(tx pgx.Tx) (err error) {
		wait, err = c.tally.Count(ctx, tx, at, 0, windows...)
		if err != nil || wait > 0 || !client.May(string(in.API)) {
			return err
		}
		hash := sha256.Sum256([]byte(token))
		return sql.New(tx).AddToken(ctx, sql.AddTokenParams{
			Hash: hash[:], Client: client.ID, Credential: client.Secret.Fingerprint(), Api: string(in.API), ExpiresAt: at.Add(c.cfg.Life),
		})
	})
	switch {
	case err != nil:
		return contract.Token{}, database.Problem(fmt.Errorf("issue token: %w", err))
	case wait > 0:
		return contract.Token{}, tooMany(wait)
	case !client.May(string(in.API)):
		return contract.Token{}, refuse(problem.Forbidden, contract.CodeUnauthorizedClient)
	}
	return contract.Token{AccessToken: token, ExpiresIn: int(c.cfg.Life / time.Second)}, nil
}

// authenticate finds the client whose secret it is. One that is not there has a secret that nobody knows.
func (c *Credentials) authenticate(now *catalogue.Snapshot, in contract.TokenRequest) (*catalogue.Client, bool) {
	client, known := now.Client(in.ClientID)
	secret := c.nobody
	if known {
		secret = client.Secret
	}
	right := secret.Is(in.ClientSecret)
	return client, right && known && client.Active()
}

func tooMany(wait time.Duration) error {
	return &problem.Error{Kind: problem.Quota, Code: contract.CodeTooManyFailures, RetryAfter: wait}
}

const (
	tokenLength = 32
	alphabet    = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
)

// newToken draws 32 characters, 190 bits. Bytes beyond the last multiple of the alphabet's length are
// drawn again, so that no character is likelier than another.
func newToken() string {
	var token [tokenLength]byte
	var drawn [2 * tokenLength]byte
	for n := 0; n < tokenLength; {
		_, _ = rand.Read(drawn[:]) // never fails (crypto/rand)
		for _, b := range drawn {
			if n < tokenLength && int(b) < 256-256%len(alphabet) {
				token[n] = alphabet[int(b)%len(alphabet)]
				n++
			}
		}
	}
	return string(token[:])
}

// wellFormed reports whether text may be a token of ours.
func wellFormed(text string) bool {
	if len(text) != tokenLength {
		return false
	}
	for i := range len(text) {
		switch b := text[i]; {
		case 'A' <= b && b <= 'Z', 'a' <= b && b <= 'z', '0' <= b && b <= '9':
		default:
			return false
		}
	}
	return true
}
