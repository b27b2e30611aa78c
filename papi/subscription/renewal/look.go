package renewal

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/google/uuid"

	contract "puente/contracts/papi/subscription"
	"puente/papi/subscription/catalogue"
	"puente/papi/subscription/lifecycle"
	"puente/papi/subscription/sql"
	"puente/shared/database"
	"puente/shared/problem"
)

// finding is what speaks for or against charging a subscription.
type finding string

// The findings. What is not certain is neither charged nor ended.
const (
	unlooked         finding = "" // there was no time for it
	chargeable       finding = "chargeable"
	lineEnded        finding = "line_ended" // or ported out, or another owner's
	lineBarred       finding = "line_barred"
	lineAway         finding = "line_away" // the directory does not say
	productEnded     finding = "product_ended"
	productSuspended finding = "product_suspended"
	noConsent        finding = "no_consent"
	orphan           finding = "orphan" // its product, or its number, is not there to be read
)

// candidate is a subscription that was claimed.
type candidate struct {
	*lifecycle.Subscription
	agreed   int64 // what its consent names
	currency string
	lower    []catalogue.Fallback // likewise
	amount   int64                // that it is charged: the catalogue's, but never more than was agreed to (invariant 7)
	found    finding
	userType string
}

// terms is what the catalogue and the consent say as of now.
func (c *candidate) terms(s *lifecycle.Subscription) finding {
	amount, status := s.Product.Terms(s.PricepointID)
	switch {
	case status == catalogue.StatusWithdrawn:
		return productEnded
	case status != catalogue.StatusActive:
		return productSuspended
	case c.currency != s.Product.Country().Currency:
		return noConsent
	}
	c.amount = min(amount, c.agreed)
	return chargeable
}

// look finds out about the chunk, as far as it comes until a moment. Those that nothing can be found out about are
// the orphans.
func (r *Renewal) look(ctx context.Context, rows []sql.SubscriptionSubscription, until time.Time) (all []*candidate, orphans []int64, err error) {
	known, err := r.Writer.Complete(ctx, r.DB, rows)
	if err != nil {
		return nil, nil, err
	}
	var consents []uuid.UUID
	for _, row := range rows {
		consents = append(consents, row.ConsentID)
	}
	agreements, err := sql.New(r.DB).Agreed(ctx, consents)
	if err != nil {
		return nil, nil, database.Problem(err)
	}
	agreed := make(map[uuid.UUID]sql.AgreedRow, len(agreements))
	for _, a := range agreements {
		agreed[a.ID] = a
	}
	for _, row := range rows {
		s, ok := known[row.ID]
		if !ok || !lifecycle.Renewing(row.State) {
			orphans = append(orphans, row.ID)
			continue
		}
		consent := agreed[row.ConsentID]
		c := &candidate{Subscription: s, agreed: consent.Amount, currency: consent.Currency, lower: fallbacks(consent.Fallbacks), userType: row.UserType}
		c.found = c.terms(s)
		all = append(all, c)
	}
	r.lookUp(ctx, all, until)
	return all, orphans, nil
}

// lookUp asks the directory for the lines of those that may be charged otherwise, a few at a time.
func (r *Renewal) lookUp(ctx context.Context, all []*candidate, until time.Time) {
	next := make(chan *candidate)
	var lookers sync.WaitGroup
	var mu sync.Mutex
	var looked, unknown int
	for range min(r.cfg.Lookups, len(all)) {
		lookers.Go(func() {
			for c := range next {
				strange := r.lookAt(ctx, c)
				mu.Lock()
				looked++
				if strange {
					unknown++
				}
				mu.Unlock()
			}
		})
	}
	for _, c := range all {
		switch {
		case c.found != chargeable:
		case time.Now().After(until):
			c.found = unlooked
		default:
			next <- c
		}
	}
	close(next)
	lookers.Wait()
	if looked < credible || unknown*2 <= looked {
		return
	}
	// A directory that suddenly knows nobody is more likely broken than right, and an end cannot be taken back.
	r.Log.ErrorContext(ctx, "line directory knows less than half of the lines, no subscription is ended for that", "looked_up", looked, "unknown", unknown)
	for _, c := range all {
		if c.found == lineEnded {
			c.found = lineAway
		}
	}
}

const (
	lookWithin = 5 * time.Second
	credible   = 20 // lines, of which the directory may know less than half
)

// lookAt looks a line up. It reports that the directory does not know it.
func (r *Renewal) lookAt(ctx context.Context, c *candidate) (strange bool) {
	defer func() {
		if v := recover(); v != nil { // it runs beside the job that would recover
			c.found = lineAway
			r.Log.ErrorContext(ctx, "line not looked up", "subscription", c.ID, "panic", v)
		}
	}()
	c.found, strange = r.lookLine(ctx, c.Subscription, &c.userType)
	return strange
}

// lookLine says whether a line is still the one whose owner agreed.
func (r *Renewal) lookLine(ctx context.Context, s *lifecycle.Subscription, userType *string) (found finding, strange bool) {
	ctx, cancel := context.WithTimeout(ctx, lookWithin)
	defer cancel()
	line, err := r.Directory.Look(ctx, s.MSISDN)
	if err != nil {
		var e *problem.Error
		if errors.As(err, &e) && (e.Code == contract.CodeOtherOperator || e.Code == contract.CodeMSISDNUnknown) {
			return lineEnded, errors.Is(err, problem.NotFound)
		}
		return lineAway, false
	}
	switch {
	case line.OwnerEpoch == "" && s.OwnerEpoch != "":
		return lineAway, false
	case s.OwnerEpoch != "" && line.OwnerEpoch != s.OwnerEpoch:
		return lineEnded, false
	}
	if line.UserType != "" {
		*userType = string(line.UserType)
	}
	if line.ContentBarred {
		return lineBarred, false
	}
	return chargeable, false
}
