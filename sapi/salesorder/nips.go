package salesorder

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"puente/contracts/sapi/salesorder"
	"puente/sapi/salesorder/sql"
	"puente/shared/database"
	"puente/shared/httpclient"
	"puente/shared/problem"
	"puente/shared/telemetry"
)

// intention is a NIP about to be requested: keyed hashes of the phone and of the request's key.
type intention struct{ phone, key []byte }

// verdict is what the table says of an intention: intended (new, within the limit), known (the
// same request came before) or refused.
type verdict struct {
	state string
	age   time.Duration // of a known one
	wait  time.Duration // until a refused one may come again
}

// requestNIP has BotService make a NIP or send it again; both cost an SMS.
func (s *system) requestNIP(ctx context.Context, in salesorder.Submission) (salesorder.Outcome, error) {
	phone, key := s.ring.MAC("salesorder.phone", []byte(in.Phone)), s.ring.MAC("salesorder.key", []byte(in.Key))
	v, err := s.nips.Do(ctx, intention{phone[:], key[:]})
	if err != nil {
		return salesorder.Outcome{}, database.Problem(err)
	}
	switch v.state {
	case "refused":
		return salesorder.Outcome{}, &problem.Error{Kind: problem.Quota, Code: salesorder.CodeNIPLimit, RetryAfter: v.wait,
			Detail: "The limit of NIPs for this phone was reached"}
	case "known":
		if done, err := s.sentBefore(ctx, in, v.age); err != nil || done != nil {
			return valueOr(done), err
		}
	}
	out, err := s.send(ctx, in)
	if err != nil && httpclient.Unsent(err) {
		s.uncount(ctx, key[:])
	}
	return out, err
}

// sentBefore asks BotService for the outcome of a request that was written down before. It returns
// nil where BotService certainly did not get it: then it may be sent.
func (s *system) sentBefore(ctx context.Context, in salesorder.Submission, age time.Duration) (*salesorder.Outcome, error) {
	var found inquiry
	err := s.ask(ctx, in.Phone, in.NumOrder, &found)
	if err != nil && !errors.Is(err, problem.NotFound) {
		return nil, err
	}
	for _, r := range found.NIPRequests {
		if r.CorrelationID == telemetry.Correlation(ctx) {
			state := salesorder.StateNIPRequested
			if r.Resend {
				state = salesorder.StateNIPResent
			}
			return &salesorder.Outcome{State: state}, nil
		}
	}
	if age < s.cfg.HTTP.Timeout+s.cfg.PortIn.Settle {
		return nil, unknown(s.cfg.HTTP.Timeout + s.cfg.PortIn.Settle - age)
	}
	return nil, nil
}

func valueOr(o *salesorder.Outcome) salesorder.Outcome {
	if o == nil {
		return salesorder.Outcome{}
	}
	return *o
}

// unknown is the error of a call that may have acted and that BotService cannot tell of yet.
func unknown(retry time.Duration) error {
	return (&problem.Error{Kind: problem.Unknown, RetryAfter: max(retry, time.Second),
		Detail: "BotService has not told the outcome yet; ask again"}).Caused(target)
}

// intend writes down a group of intentions in one transaction.
func (s *system) intend(ctx context.Context, tx pgx.Tx, group []intention) ([]verdict, error) {
	phones, keys := make([][]byte, len(group)), make([][]byte, len(group))
	for i, n := range group {
		phones[i], keys[i] = n.phone, n.key
	}
	q := sql.New(tx)
	if err := q.LockPhones(ctx, phones); err != nil {
		return nil, err
	}
	rows, err := q.IntendNIPs(ctx, sql.IntendNIPsParams{Span: s.cfg.NIP.Window, Phones: phones, Keys: keys, Allowed: int64(s.cfg.NIP.Requests)})
	if err != nil {
		return nil, err
	}
	verdicts := make([]verdict, len(rows))
	for i, r := range rows {
		verdicts[i] = verdict{r.Verdict, time.Duration(r.AgeMs) * time.Millisecond, time.Duration(r.WaitMs) * time.Millisecond}
		if r.WaitMs <= 0 { // all that count came with this group
			verdicts[i].wait = s.cfg.NIP.Window
		}
	}
	return verdicts, nil
}

// uncount gives back the count of a request that certainly never left.
func (s *system) uncount(ctx context.Context, key []byte) {
	ctx, cancel := afterwards(ctx)
	defer cancel()
	_ = sql.New(s.db).UncountNIP(ctx, key) // one NIP less for ten minutes is no harm
}

// prune forgets requests that neither count nor can be repeated any more.
func (s *system) prune(ctx context.Context) error {
	return sql.New(s.db).PruneNIPs(ctx, max(48*time.Hour, 2*s.cfg.NIP.Window))
}

// afterwards bounds what is still to be written when a request's own time may be over.
func afterwards(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), 500*time.Millisecond)
}
