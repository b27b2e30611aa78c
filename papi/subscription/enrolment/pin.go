package enrolment

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"math/big"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	contract "puente/contracts/papi/subscription"
	"puente/papi/subscription/messaging"
	"puente/papi/subscription/sql"
	"puente/papi/subscription/tally"
	"puente/shared/database"
)

// newPIN is a PIN that is to be sent.
type newPIN struct {
	flow     uuid.UUID
	line     int64
	number   int32 // of the flow
	address  []byte
	flowEnds time.Time
}

func (f *Flows) addressKey(address string) []byte {
	key := f.ring.MAC("subscription.pins.address", []byte(tally.Address(address)))
	return key[:]
}

// mayHavePIN reports whether another PIN may be sent. Its caller has locked the line, so that what is
// counted here is there when the next one counts; the address is locked here, after the line.
func (f *Flows) mayHavePIN(ctx context.Context, tx pgx.Tx, p newPIN, at time.Time) error {
	q := sql.New(tx)
	if err := q.LockAddress(ctx, p.address); err != nil {
		return fmt.Errorf("lock address: %w", err)
	}
	const day = 24 * time.Hour
	last, err := q.PINsOf(ctx, sql.PINsOfParams{
		LineID: p.line, Address: p.address, Hourly: hourly - 1, Daily: daily - 1, ByAddress: byAddress - 1,
		Dead: deadMost - 1, DeadWithin: day, Since: at.Add(-2*day - pinLife),
	})
	if err != nil {
		return fmt.Errorf("count PINs: %w", err)
	}
	until := last.OfHour.Add(time.Hour)
	for _, other := range []time.Time{last.OfDay.Add(day), last.OfAddress.Add(time.Hour), last.LockedAt.Add(day)} {
		if other.After(until) {
			until = other
		}
	}
	if until.After(at) {
		return quota(until.Sub(at))
	}
	return nil
}

// sendPIN draws a PIN, writes it down and its message.
func (f *Flows) sendPIN(ctx context.Context, tx pgx.Tx, p newPIN, o offer, msisdn string, at time.Time) error {
	digits, err := drawPIN(f.config.PINDigits)
	if err != nil {
		return fmt.Errorf("draw PIN: %w", err)
	}
	ends := at.Add(pinLife)
	if p.flowEnds.Before(ends) {
		ends = p.flowEnds
	}
	mac := f.pinMAC(p.flow, p.line, o.product.ID, p.number, digits)
	err = sql.New(tx).AddPIN(ctx, sql.AddPINParams{
		FlowID: p.flow, Number: p.number, LineID: p.line, Address: p.address, Mac: mac, SentAt: at, ExpiresAt: ends,
	})
	if err != nil {
		return fmt.Errorf("add PIN: %w", err)
	}
	return f.users.Send(ctx, tx, messaging.Message{
		LineID: p.line, MSISDN: msisdn, ShortCode: o.shortCode, Product: o.product, Purpose: messaging.PIN, PIN: digits,
		Amount: o.point.Amount, Until: ends, At: at,
	})
}

// drawPIN is so many digits, each as likely as any other.
func drawPIN(digits int) (string, error) {
	all := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(digits)), nil)
	n, err := rand.Int(rand.Reader, all)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("%0*d", digits, n), nil
}

// pinMAC binds digits to all that they are good for.
func (f *Flows) pinMAC(flow uuid.UUID, line, product int64, number int32, digits string) []byte {
	var numbers [20]byte
	binary.BigEndian.PutUint64(numbers[:], uint64(line))
	binary.BigEndian.PutUint64(numbers[8:], uint64(product))
	binary.BigEndian.PutUint32(numbers[16:], uint32(number))
	mac := f.ring.MAC("subscription.pins", flow[:], numbers[:], []byte(digits))
	return mac[:]
}

// ResendPIN is the operation of that name.
func (f *Flows) ResendPIN(ctx context.Context, in contract.FlowQuery) (contract.Flow, error) {
	id, err := uuid.Parse(in.ID)
	if err != nil {
		return contract.Flow{}, errEnded
	}
	now, at := f.catalogue.Snapshot(), f.now()
	var sent contract.Flow
	var flow sql.SubscriptionFlow
	err = pgx.BeginFunc(ctx, f.db, func(tx pgx.Tx) error {
		q := sql.New(tx)
		flow, err = q.Flow(ctx, id)
		if errors.Is(err, pgx.ErrNoRows) {
			return errEnded
		}
		if err != nil {
			return fmt.Errorf("read flow: %w", err)
		}
		// The order of locks is that of StartFlow: the line before its flows.
		if _, err = q.LockLine(ctx, flow.LineID); err != nil {
			return fmt.Errorf("lock line: %w", err)
		}
		if flow, err = q.LockFlow(ctx, id); err != nil {
			return fmt.Errorf("lock flow: %w", err)
		}
		o, err := offered(now, flow.Campaign, flow.PartnerID, flow.ServiceID, flow.ProductID, flow.Channel)
		if err != nil || o.point.ID != flow.PricepointID || flow.State != pending || flow.Proof != string(contract.ProofPIN) || !flow.ExpiresAt.After(at) {
			return errEnded
		}
		last, err := q.LastPIN(ctx, id)
		if err != nil {
			return fmt.Errorf("read PIN: %w", err)
		}
		if wait := last.SentAt.Add(resendWait).Sub(at); wait > 0 {
			return quota(wait)
		}
		next := newPIN{flow: id, line: flow.LineID, number: last.Number + 1, address: last.Address, flowEnds: flow.ExpiresAt}
		if err = f.mayHavePIN(ctx, tx, next, at); err != nil {
			return err
		}
		if err = endPIN(ctx, tx, last, void, at); err != nil {
			return err
		}
		msisdn, err := f.book.Number(ctx, tx, flow.LineID)
		if err != nil {
			return err
		}
		sent = shown(id, contract.ProofPIN, msisdn, o, flow.ExpiresAt, at)
		return f.sendPIN(ctx, tx, next, o, msisdn, at)
	})
	if err != nil {
		return contract.Flow{}, f.counted(database.Problem(fmt.Errorf("resend PIN: %w", err)), flow.PartnerID, flow.ProductID, contract.ProofPIN)
	}
	f.metrics.step(flow.PartnerID, flow.ProductID, contract.ProofPIN, stepResent)
	return sent, nil
}

// prove looks whether digits are the PIN of a flow that its caller has locked: of all tries of a flow one
// is looked at at a time. A try is written down whatever came of it. The third that is wrong ends the PIN,
// and with it the flow.
func (f *Flows) prove(ctx context.Context, tx pgx.Tx, flow sql.SubscriptionFlow, digits string, at time.Time) (right bool, number int32, err error) {
	pin, err := sql.New(tx).LastPIN(ctx, flow.ID)
	if err != nil {
		return false, 0, fmt.Errorf("read PIN: %w", err)
	}
	right = hmac.Equal(pin.Mac, f.pinMAC(flow.ID, flow.LineID, flow.ProductID, pin.Number, digits))
	switch {
	case pin.State != live || pin.Tries >= pinTries || !pin.ExpiresAt.After(at):
		return false, pin.Number, nil
	case right:
		return true, pin.Number, endPIN(ctx, tx, pin, used, at)
	}
	pin.Tries++
	if pin.Tries < pinTries {
		return false, pin.Number, endPIN(ctx, tx, pin, live, at)
	}
	if err := endPIN(ctx, tx, pin, dead, at); err != nil {
		return false, pin.Number, err
	}
	if err := sql.New(tx).AbandonFlow(ctx, flow.ID); err != nil {
		return false, pin.Number, fmt.Errorf("abandon flow: %w", err)
	}
	return false, pin.Number, nil
}

// endPIN writes a PIN in the state that it is in from now on. One that ended stays as it is.
func endPIN(ctx context.Context, tx pgx.Tx, pin sql.SubscriptionPin, state string, at time.Time) error {
	if pin.State != live {
		return nil
	}
	in := sql.UpdatePINParams{FlowID: pin.FlowID, Number: pin.Number, State: state, Tries: pin.Tries}
	if state != live {
		in.EndedAt = &at
	}
	if err := sql.New(tx).UpdatePIN(ctx, in); err != nil {
		return fmt.Errorf("write PIN: %w", err)
	}
	return nil
}

// diedOfPIN reports whether a flow that is over ended with its PIN: its tries are answered as before, so
// that nobody learns which of them ended it.
func diedOfPIN(ctx context.Context, tx pgx.Tx, flow sql.SubscriptionFlow) (bool, error) {
	if flow.Proof != string(contract.ProofPIN) {
		return false, nil
	}
	pin, err := sql.New(tx).LastPIN(ctx, flow.ID)
	if err != nil {
		return false, fmt.Errorf("read PIN: %w", err)
	}
	return pin.State == dead, nil
}
