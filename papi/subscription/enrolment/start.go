package enrolment

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	contract "puente/contracts/papi/subscription"
	"puente/contracts/sapi/subscriber"
	"puente/papi/subscription/catalogue"
	"puente/papi/subscription/line"
	"puente/papi/subscription/sql"
	"puente/papi/subscription/tally"
	"puente/shared/database"
	"puente/shared/phone"
	"puente/shared/problem"
)

// StartFlow is the operation of that name. It does not tell whether the line has the product already: who
// has not shown that the line is theirs learns nothing of it.
func (f *Flows) StartFlow(ctx context.Context, in contract.FlowRequest) (contract.Flow, error) {
	who, handleErr := f.identify(ctx, in)
	o, err := offered(f.catalogue.Snapshot(), in.Campaign, in.PartnerID, in.ServiceID, in.ProductID, in.Channel)
	if err != nil {
		return contract.Flow{}, err
	}
	if handleErr != nil {
		if errors.Is(handleErr, problem.Rejected) {
			f.metrics.step(in.PartnerID, in.ProductID, contract.ProofHE, stepHandle)
		}
		return contract.Flow{}, handleErr
	}
	if !tracking.MatchString(in.TID) {
		return contract.Flow{}, invalid("tid", "must match "+tracking.String())
	}
	if err := who.read(o.product.Partner()); err != nil {
		return contract.Flow{}, err
	}
	found, err := f.admit(ctx, who, o.product, in.Address)
	if err != nil {
		return contract.Flow{}, f.counted(err, in.PartnerID, in.ProductID, who.proof)
	}
	at := f.now()
	flow := sql.AddFlowParams{
		ID: uuid.New(), PartnerID: in.PartnerID, ServiceID: in.ServiceID, ProductID: in.ProductID, PricepointID: o.point.ID, Campaign: in.Campaign,
		Channel: o.channel, TID: in.TID, Proof: string(who.proof), OwnerEpoch: found.OwnerEpoch, UserType: string(found.UserType),
		StartedAt: at, ExpiresAt: at.Add(flowLife),
	}
	flow.Origin = f.sealOrigin(flow.ID, who.origin)
	err = pgx.BeginFunc(ctx, f.db, func(tx pgx.Tx) error { return f.begin(ctx, tx, &flow, o, who, in.Address) })
	if err != nil {
		return contract.Flow{}, f.counted(database.Problem(fmt.Errorf("start flow: %w", err)), in.PartnerID, in.ProductID, who.proof)
	}
	f.metrics.step(in.PartnerID, in.ProductID, who.proof, stepStarted)
	return shown(flow.ID, who.proof, who.msisdn, o, flow.ExpiresAt, at), nil
}

// counted counts a refusal of a quota, and is the error.
func (f *Flows) counted(err error, partner, product int64, proof contract.Proof) error {
	if errors.Is(err, problem.Quota) {
		f.metrics.step(partner, product, proof, stepRefused)
	}
	return err
}

// begin writes a flow in place of one of the line and product that is pending, and its PIN.
func (f *Flows) begin(ctx context.Context, tx pgx.Tx, flow *sql.AddFlowParams, o offer, who identity, address string) (err error) {
	q := sql.New(tx)
	if flow.LineID, err = f.book.Enter(ctx, tx, who.msisdn); err != nil {
		return err
	}
	if _, err = q.LockLine(ctx, flow.LineID); err != nil {
		return fmt.Errorf("lock line: %w", err)
	}
	pin := newPIN{flow: flow.ID, line: flow.LineID, number: 1, address: f.addressKey(address), flowEnds: flow.ExpiresAt}
	if who.proof == contract.ProofPIN {
		err = f.mayHavePIN(ctx, tx, pin, flow.StartedAt)
	} else {
		err = f.countByHeader(ctx, tx, flow.LineID, address, flow.StartedAt)
	}
	if err != nil {
		return err
	}
	if err = q.AbandonFlowsOf(ctx, sql.AbandonFlowsOfParams{LineID: flow.LineID, ProductID: flow.ProductID}); err != nil {
		return fmt.Errorf("supersede flow: %w", err)
	}
	if err = q.AddFlow(ctx, *flow); err != nil {
		return fmt.Errorf("add flow: %w", err)
	}
	if who.proof == contract.ProofPIN {
		return f.sendPIN(ctx, tx, pin, o, who.msisdn, flow.StartedAt)
	}
	return nil
}

// countByHeader counts a flow that the operator's header proves, or refuses it. Its caller has locked the line.
func (f *Flows) countByHeader(ctx context.Context, tx pgx.Tx, lineID int64, address string, at time.Time) error {
	who := strconv.FormatInt(lineID, 10)
	wait, err := f.tally.Count(ctx, tx, at, 1,
		tally.Window{What: "flows by header, hour", Who: who, Most: headerHourly, Span: time.Hour},
		tally.Window{What: "flows by header, day", Who: who, Most: headerDaily, Span: 24 * time.Hour},
		tally.Window{What: "flows by header, address", Who: tally.Address(address), Most: headerByAddress, Span: time.Hour})
	if err == nil && wait > 0 {
		err = quota(wait)
	}
	return err
}

func shown(id uuid.UUID, proof contract.Proof, msisdn string, o offer, ends, at time.Time) contract.Flow {
	flow := contract.Flow{
		ID: id.String(), Proof: proof, Masked: phone.Mask(msisdn), Amount: o.point.Amount, Currency: o.product.Country().Currency, ExpiresAt: ends,
	}
	if proof == contract.ProofPIN {
		flow.ResendAt = at.Add(resendWait)
	}
	return flow
}

// identity is whose line it is said to be, and by what that is to be shown.
type identity struct {
	msisdn string
	proof  contract.Proof
	origin origin
}

// identify reads a number that was typed, or else uses the handle. It does so before it looks at anything
// else, for a handle is used up whatever comes of it.
func (f *Flows) identify(ctx context.Context, in contract.FlowRequest) (who identity, err error) {
	who.origin = origin{Address: in.Address, UserAgent: in.UserAgent}
	if in.MSISDN != "" || in.Handle == "" {
		who.proof, who.msisdn = contract.ProofPIN, in.MSISDN
		return who, nil
	}
	what, err := f.use(ctx, in)
	who.proof, who.msisdn, who.origin.Enrichment = contract.ProofHE, what.MSISDN, &what.source
	return who, err
}

// read brings the number into the form in which it is kept.
func (who *identity) read(partner *catalogue.Partner) (err error) {
	parse := line.Parse
	if who.proof == contract.ProofPIN {
		parse = line.ParseTyped
	}
	who.msisdn, err = parse(partner, who.msisdn)
	return err
}

// admit finds the line. What was typed may be anybody's: an address that asks for one line after the other
// that is not to be had hears nothing of them after a while.
func (f *Flows) admit(ctx context.Context, who identity, product *catalogue.Product, address string) (subscriber.Line, error) {
	found, err := f.directory.Admit(ctx, who.msisdn, product)
	if err == nil || who.proof != contract.ProofPIN || !errors.Is(err, problem.Invalid) && !errors.Is(err, problem.Conflict) {
		return found, err
	}
	wait, countErr := f.tally.Count(ctx, f.db, f.now(), 1, tally.Window{What: "lines refused", Who: tally.Address(address), Most: refusedMost, Span: time.Hour})
	switch {
	case countErr != nil:
		return found, countErr
	case wait > 0:
		return found, quota(wait)
	}
	return found, err
}
