package salesorder

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"puente/contracts/sapi/salesorder"
	"puente/sapi/salesorder/sql"
	"puente/shared/database"
	"puente/shared/httpclient"
	"puente/shared/problem"
	"puente/shared/telemetry"
)

// States of a row of port_ins. Only rejected and absent may be sent again.
const (
	sending    = "sending"  // an attempt is under way, or its process died
	filed      = "filed"    // BotService has it
	rejected   = "rejected" // BotService refused it
	unresolved = "unknown"  // the attempt ended without an answer
	absent     = "absent"   // BotService certainly does not have it
)

// portIn files a port-in at most once per phone, order and NIP: the row is claimed before the call
// and settled after it. Who finds it claimed learns the first one's outcome.
func (s *system) portIn(ctx context.Context, in salesorder.Submission) (salesorder.Outcome, error) {
	id := s.ring.MAC("salesorder.port_in", []byte(in.Phone), []byte(in.NumOrder), []byte(in.NIP))
	attempt, err := s.claim(ctx, id[:], in)
	if errors.Is(err, pgx.ErrNoRows) {
		if done, err := s.filedBefore(ctx, id[:], in); err != nil || done != nil {
			return valueOr(done), err
		}
		if attempt, err = s.claim(ctx, id[:], in); errors.Is(err, pgx.ErrNoRows) {
			return salesorder.Outcome{}, inProgress() // another caller was quicker
		}
	}
	if err != nil {
		return salesorder.Outcome{}, database.Problem(fmt.Errorf("claim port-in: %w", err))
	}
	out, err := s.send(ctx, in)
	state := filed
	switch {
	case err == nil:
	case problem.Of(err).Code == salesorder.CodeInvalidField: // any other conflict may be with what this very call did
		state = rejected
	case httpclient.Unsent(err):
		state = absent
	default:
		state = unresolved
	}
	s.settle(ctx, id[:], attempt, state, out.RequestID)
	return out, err
}

func (s *system) claim(ctx context.Context, id []byte, in salesorder.Submission) (attempt int32, err error) {
	text, err := json.Marshal(subject{in.Phone, in.NumOrder, in.NIP})
	if err != nil {
		return 0, err
	}
	return sql.New(s.db).ClaimPortIn(ctx, sql.ClaimPortInParams{
		ID: id, Inquiry: s.ring.Seal("salesorder.port_ins", text), Correlation: telemetry.Correlation(ctx), Lasts: s.cfg.HTTP.Timeout + time.Second,
	})
}

// subject is what an inquiry needs to know of a port-in; at rest it is sealed.
type subject struct {
	Phone    string `json:"phone"`
	NumOrder string `json:"numOrder"`
	NIP      string `json:"nip"`
}

func inProgress() error {
	return &problem.Error{Kind: problem.Conflict, Code: salesorder.CodeInProgress, RetryAfter: time.Second, Detail: "The same port-in is being filed"}
}

// filedBefore is the outcome of the port-in that holds the row. It returns nil where the row was
// found to be free again.
func (s *system) filedBefore(ctx context.Context, id []byte, in salesorder.Submission) (*salesorder.Outcome, error) {
	row, err := sql.New(s.db).PortIn(ctx, sql.PortInParams{ID: id, Settle: s.cfg.PortIn.Settle})
	if err != nil {
		return nil, database.Problem(fmt.Errorf("read port-in: %w", err))
	}
	switch {
	case row.State == filed:
		return &salesorder.Outcome{State: salesorder.StatePortInFiled, RequestID: row.RequestID}, nil
	case row.State == sending && !row.Over:
		return nil, inProgress()
	case row.State == rejected || row.State == absent:
		return nil, nil
	}
	requestID, state, err := s.find(ctx, subject{in.Phone, in.NumOrder, in.NIP}, row.Settled)
	if err != nil {
		return nil, err
	}
	s.settle(ctx, id, row.Attempt, state, requestID)
	switch state {
	case filed:
		return &salesorder.Outcome{State: salesorder.StatePortInFiled, RequestID: requestID}, nil
	case absent:
		return nil, nil
	}
	return nil, unknown(s.cfg.PortIn.Settle)
}

// find asks BotService for a port-in. Its "not there" is believed once it has had time to settle:
// until then the attempt may still be on its way inside BotService.
func (s *system) find(ctx context.Context, p subject, settled bool) (requestID, state string, err error) {
	var found inquiry
	err = s.ask(ctx, p.Phone, p.NumOrder, &found)
	if err != nil && !errors.Is(err, problem.NotFound) {
		return "", "", err
	}
	for _, f := range found.PortIns {
		if f.NIP == p.NIP && f.NumOrder == p.NumOrder {
			return f.RequestID, filed, nil
		}
	}
	if settled {
		return "", absent, nil
	}
	return "", unresolved, nil
}

// settle writes an attempt's outcome. Where that fails the row stays open, and resolve asks.
func (s *system) settle(ctx context.Context, id []byte, attempt int32, state, requestID string) {
	ctx, cancel := afterwards(ctx)
	defer cancel()
	_ = sql.New(s.db).SettlePortIn(ctx, sql.SettlePortInParams{ID: id, Attempt: attempt, State: state, RequestID: requestID})
}

// resolve asks BotService for the port-ins whose outcome is open. One that it cannot resolve goes
// behind the others.
func (s *system) resolve(ctx context.Context) error {
	rows, err := sql.New(s.db).OpenPortIns(ctx, s.cfg.PortIn.Settle)
	if err != nil {
		return fmt.Errorf("resolve port-ins: %w", err)
	}
	var errs []error
	for _, row := range rows {
		if err := ctx.Err(); err != nil { // those that were not asked for keep their place
			return errors.Join(append(errs, err)...)
		}
		var p subject
		text, err := s.ring.Open("salesorder.port_ins", row.Inquiry)
		if err == nil {
			err = json.Unmarshal(text, &p)
		}
		var requestID, state string
		if err == nil {
			requestID, state, err = s.find(ctx, p, row.Settled)
		}
		if err != nil {
			errs = append(errs, err, s.touch(ctx, row))
			continue
		}
		s.settle(ctx, row.ID, row.Attempt, state, requestID)
	}
	return errors.Join(errs...)
}

func (s *system) touch(ctx context.Context, row sql.OpenPortInsRow) error {
	ctx, cancel := afterwards(ctx)
	defer cancel()
	return sql.New(s.db).TouchPortIn(ctx, sql.TouchPortInParams{ID: row.ID, Attempt: row.Attempt})
}

// forget drops the sealed inquiries of port-ins that were settled long ago. That they were filed, or
// not, is known for ever.
func (s *system) forget(ctx context.Context) error {
	for {
		n, err := sql.New(s.db).ForgetPortIns(ctx, s.cfg.PortIn.Keep)
		if err != nil {
			return fmt.Errorf("forget port-ins: %w", err)
		}
		if n == 0 {
			return nil
		}
	}
}

// openPortIns counts the port-ins whose outcome has been open for more than a minute.
func (s *system) openPortIns() database.Count {
	return database.NewCount("salesorder_port_ins_unresolved", "Port-ins whose outcome has been unknown for more than a minute.",
		func(ctx context.Context) (int64, error) { return sql.New(s.db).CountOpenPortIns(ctx, time.Minute) })
}
