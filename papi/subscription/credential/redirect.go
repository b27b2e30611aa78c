package credential

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	contract "puente/contracts/papi/subscription"
	"puente/papi/subscription/acceptance"
	"puente/papi/subscription/evidence"
	"puente/papi/subscription/redirect"
	"puente/papi/subscription/sql"
	"puente/shared/database"
	"puente/shared/hop"
)

// How long it is remembered that a redirect token was used: longer than it opens. One without a time
// opens for as long as its key does.
const (
	timedKept   = 15 * time.Minute
	untimedKept = 400 * 24 * time.Hour
)

// VerifyRedirect is the operation of that name, for the partner of the calling client. Whatever is wrong
// with a token, the same is done and the same is said: it is opened, and the table is asked for it.
func (c *Credentials) VerifyRedirect(ctx context.Context, in contract.RedirectQuery) (contract.RedirectClaims, error) {
	now, err := c.snapshot()
	if err != nil {
		return contract.RedirectClaims{}, err
	}
	at := c.now()
	tokens, partner, kept := c.none, int64(0), timedKept
	if client, ok := now.Client(hop.PrincipalOf(ctx).Client); ok && client.Active() && len(client.Partner.Redirect.Keys) > 0 {
		its, err := redirect.Of(client.Partner)
		if err != nil { // its document has a flaw that its own rules do not see
			c.log.WarnContext(ctx, "redirect tokens of a partner cannot be opened", "partner", client.Partner.ID, "error", err)
		} else {
			tokens, partner = its, client.Partner.ID
		}
	}
	claims, err := tokens.Open(in.Token, at)
	product, ok := now.Product(claims.ProductID)
	good := err == nil && ok && product.Partner().ID == partner
	if claims.At.IsZero() {
		kept = untimedKept
	}
	hash := redirect.Hash(in.Token)
	used := false
	err = pgx.BeginFunc(ctx, c.db, func(tx pgx.Tx) error {
		n, err := sql.New(tx).UseRedirect(ctx, sql.UseRedirectParams{Hash: hash[:], ExpiresAt: at.Add(kept), Good: good})
		if used = n > 0; err != nil || !used {
			return err
		}
		const check = acceptance.SubscriptionLPRedirect
		return c.evidence.Proved(ctx, tx, evidence.Proof{Product: product, Check: check, Configuration: evidence.Configuration(product, check), Source: "redirect token", At: at})
	})
	if err != nil {
		return contract.RedirectClaims{}, database.Problem(fmt.Errorf("use redirect token: %w", err))
	}
	if !used {
		return contract.RedirectClaims{}, errRedirect
	}
	return contract.RedirectClaims{MSISDN: claims.MSISDN, ProductID: claims.ProductID, TID: claims.TID}, nil
}
