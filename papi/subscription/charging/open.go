package charging

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"puente/papi/subscription/sql"
	"puente/shared/database"
	"puente/shared/telemetry"
)

// Opened is what became of intentions.
type Opened struct {
	Orders []Order
	Capped []Intent // a cap of the line's was reached: nobody hears of them
	Taken  []Intent // there is a charge under the key that is in work, or came true
}

// Open writes intentions down in tx, as of now. Each of them that is among the orders is then Called.
func (c *Charging) Open(ctx context.Context, tx pgx.Tx, now time.Time, intents ...Intent) (out Opened, err error) {
	began := time.Now()
	intents, out.Capped, err = c.spend(ctx, tx, now, intents)
	if err != nil || len(intents) == 0 {
		return out, err
	}
	q := sql.New(tx)
	in := sql.OpenChargesParams{At: now, Lasts: c.lasts()}
	byKey := make(map[string]Intent, len(intents))
	for _, i := range intents {
		byKey[i.Key] = i
		in.Keys = append(in.Keys, i.Key)
		in.Kinds = append(in.Kinds, i.Kind)
		in.Subscriptions = append(in.Subscriptions, i.SubscriptionID)
		in.Lines = append(in.Lines, i.LineID)
		in.Partners = append(in.Partners, i.Product.Partner().ID)
		in.Services = append(in.Services, i.Product.Service.ID)
		in.Products = append(in.Products, i.Product.ID)
		in.Pricepoints = append(in.Pricepoints, i.PricepointID)
		in.Amounts = append(in.Amounts, i.Amount)
		in.Days = append(in.Days, int32(i.Days))
		in.Currencies = append(in.Currencies, i.Product.Country().Currency)
		in.Channels = append(in.Channels, i.Channel)
		in.ShortCodes = append(in.ShortCodes, i.ShortCode)
		in.Tids = append(in.Tids, i.TID)
		in.UserTypes = append(in.UserTypes, i.UserType)
		in.Consents = append(in.Consents, i.ConsentID)
		in.Fingerprints = append(in.Fingerprints, append([]byte{}, i.Fingerprint...))
		in.Correlations = append(in.Correlations, telemetry.Correlation(ctx))
		in.Traceparents = append(in.Traceparents, telemetry.TraceOf(ctx).Traceparent())
	}
	charges, err := q.OpenCharges(ctx, in)
	if err != nil {
		return out, database.Problem(fmt.Errorf("open charges: %w", err))
	}
	attempts := sql.OpenAttemptsParams{At: now, Lasts: c.lasts()}
	for _, charge := range charges {
		attempts.Charges = append(attempts.Charges, charge.ID)
		attempts.Numbers = append(attempts.Numbers, charge.Attempts)
		attempts.TxIds = append(attempts.TxIds, uuid.NewString())
	}
	rows, err := q.OpenAttempts(ctx, attempts)
	if err != nil {
		return out, database.Problem(fmt.Errorf("open attempts: %w", err))
	}
	if len(rows) != len(charges) {
		return out, fmt.Errorf("open attempts: %d charges have %d", len(charges), len(rows))
	}
	txIDs := make(map[int64]string, len(rows))
	for _, row := range rows {
		txIDs[row.ChargeID] = row.TxID
	}
	for _, charge := range charges {
		i := byKey[charge.Key]
		delete(byKey, charge.Key)
		out.Orders = append(out.Orders, Order{Charge: charge, TxID: txIDs[charge.ID], MSISDN: i.MSISDN, Product: i.Product, opened: began})
	}
	for _, i := range byKey {
		out.Taken = append(out.Taken, i)
	}
	return out, c.unspendIntents(ctx, tx, now, out.Taken)
}

// unlimited is a cap that nobody reaches.
const unlimited = int64(1) << 60

// spend adds the intentions to what their lines spend; it parts those that may from those that exceed a cap.
func (c *Charging) spend(ctx context.Context, tx pgx.Tx, now time.Time, intents []Intent) (may, capped []Intent, err error) {
	var in sql.SpendParams
	for i, intent := range intents {
		currency := intent.Product.Country().Currency
		in.Positions = append(in.Positions, int32(i))
		in.Lines = append(in.Lines, intent.LineID)
		in.Spans = append(in.Spans, strings.Join(spans(now, intent.Product.Country().Zone), " "))
		in.Currencies = append(in.Currencies, currency)
		in.Amounts = append(in.Amounts, intent.Amount)
		in.DayCaps = append(in.DayCaps, limit(c.cfg.Caps.Day[currency]))
		in.MonthCaps = append(in.MonthCaps, limit(c.cfg.Caps.Month[currency]))
	}
	rows, err := sql.New(tx).Spend(ctx, in)
	if err != nil {
		return nil, nil, database.Problem(fmt.Errorf("spend: %w", err))
	}
	done := make([]bool, len(intents))
	for _, row := range rows {
		done[row.Position] = row.Done
	}
	for i, intent := range intents {
		if done[i] {
			may = append(may, intent)
		} else {
			capped = append(capped, intent)
		}
	}
	return may, capped, nil
}

func limit(most int64) int64 {
	if most == 0 {
		return unlimited
	}
	return most
}

// spans are the local day and month of a moment.
func spans(at time.Time, zone *time.Location) []string {
	at = at.In(zone)
	return []string{at.Format(time.DateOnly), at.Format("2006-01")}
}

func (c *Charging) unspendIntents(ctx context.Context, tx pgx.Tx, now time.Time, intents []Intent) error {
	var back unspent
	for _, i := range intents {
		back.add(i.LineID, i.Product.Country().Currency, i.Amount, spans(now, i.Product.Country().Zone))
	}
	return back.write(ctx, tx)
}

// unspent is what was not spent after all.
type unspent sql.UnspendParams

func (u *unspent) add(line int64, currency string, amount int64, spans []string) {
	u.Lines = append(u.Lines, line)
	u.Spans = append(u.Spans, strings.Join(spans, " "))
	u.Currencies = append(u.Currencies, currency)
	u.Amounts = append(u.Amounts, amount)
}

func (u *unspent) write(ctx context.Context, tx pgx.Tx) error {
	if len(u.Lines) == 0 {
		return nil
	}
	if err := sql.New(tx).Unspend(ctx, sql.UnspendParams(*u)); err != nil {
		return database.Problem(fmt.Errorf("unspend: %w", err))
	}
	return nil
}
