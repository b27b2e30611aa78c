package salesorder

import (
	"context"
	"crypto/rand"
	"errors"
	"time"

	"puente/contracts/sapi/salesorder"
	"puente/sapi/salesorder/sql"
	"puente/shared/database"
	"puente/shared/httpclient"
	"puente/shared/problem"
	"puente/shared/telemetry"
)

// keyLasts is how long a request's key stands for that request, like an idempotency key (24 h). The
// same key later on is another request.
const keyLasts = 24 * time.Hour

// intention is a NIP about to be requested: keyed hashes of the phone, and of the request's key with
// all that may make it another request. One that came less than lasts ago is not intended again.
type intention struct {
	phone, key  [32]byte
	lasts       time.Duration
	correlation string // by which BotService will know it
	attempt     [16]byte
}

// verdict is what the table says of an intention: intended (new, within the limit), known (the
// same request came before) or refused.
type verdict struct {
	state       string
	age         time.Duration // of a known one
	correlation string        // of a known one
	wait        time.Duration // until a refused one may come again
}

// requestNIP has BotService make a NIP or send it again; both cost an SMS. A request that BotService
// certainly did not get is sent once more, and like the first time it is written down and counted
// before: of several callers one sends it.
func (s *system) requestNIP(ctx context.Context, in salesorder.Submission) (salesorder.Outcome, error) {
	phone := s.ring.MAC("salesorder.phone", []byte(in.Phone))
	key := s.ring.MAC("salesorder.key", []byte(in.Key), []byte(in.Phone), []byte(in.Intent))
	met, err := s.count(ctx, intention{phone: phone, key: key, lasts: keyLasts, correlation: telemetry.Correlation(ctx)})
	if err != nil {
		return salesorder.Outcome{}, err
	}
	if met.state == repeated {
		if done, err := s.sentBefore(ctx, in, met); err != nil || done != nil {
			return valueOr(done), err
		}
		if met, err = s.count(ctx, intention{phone: phone, key: key, lasts: s.settled(), correlation: telemetry.Correlation(ctx)}); err != nil {
			return salesorder.Outcome{}, err
		}
		if met.state == repeated { // another caller was quicker
			return salesorder.Outcome{}, unknown(s.settled() - met.age)
		}
	}
	out, err := s.send(ctx, in)
	if err != nil && httpclient.Unsent(err) {
		s.uncount(ctx, key)
	}
	return out, err
}

// repeated is the verdict on a request that came before.
const repeated = "known"

// count writes n down unless it is known already. Errors: Quota NIP_LIMIT, and those of the
// database.
func (s *system) count(ctx context.Context, n intention) (verdict, error) {
	rand.Read(n.attempt[:])
	v, err := s.nips.Do(ctx, n)
	if err != nil {
		return verdict{}, database.Problem(err)
	}
	if v.state == "refused" {
		return verdict{}, &problem.Error{Kind: problem.Quota, Code: salesorder.CodeNIPLimit, RetryAfter: v.wait,
			Detail: "The limit of NIPs for this phone was reached"}
	}
	return v, nil
}

// settled is the age from which BotService's "not there" of a request is believed.
func (s *system) settled() time.Duration { return s.cfg.HTTP.Timeout + s.cfg.PortIn.Settle }

// sentBefore asks BotService for the outcome of a request that was written down before. It returns
// nil where BotService certainly did not get it. BotService knows the request by the correlation
// of its first coming, whatever this repetition's is.
func (s *system) sentBefore(ctx context.Context, in salesorder.Submission, first verdict) (*salesorder.Outcome, error) {
	var found inquiry
	err := s.ask(ctx, in.Phone, in.NumOrder, &found)
	if err != nil && !errors.Is(err, problem.NotFound) {
		return nil, err
	}
	resend, state := false, salesorder.StateNIPRequested
	if in.Intent == salesorder.IntentResendNIP {
		resend, state = true, salesorder.StateNIPResent
	}
	for _, r := range found.NIPRequests {
		if r.CorrelationID == first.correlation && r.Resend == resend {
			return &salesorder.Outcome{State: state}, nil
		}
	}
	if first.age < s.settled() {
		return nil, unknown(s.settled() - first.age)
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
func (s *system) intend(ctx context.Context, db database.Statements, group []intention) ([]verdict, error) {
	p := sql.IntendNIPsParams{
		Span: s.cfg.NIP.Window, Allowed: int64(s.cfg.NIP.Requests),
		Phones: make([][]byte, len(group)), Keys: make([][]byte, len(group)), Attempts: make([][]byte, len(group)),
		Lasts: make([]time.Duration, len(group)), Correlations: make([]string, len(group)),
	}
	for i := range group {
		n := &group[i]
		p.Phones[i], p.Keys[i], p.Attempts[i], p.Lasts[i], p.Correlations[i] = n.phone[:], n.key[:], n.attempt[:], n.lasts, n.correlation
	}
	q := sql.New(db)
	if err := q.LockPhones(ctx, p.Phones); err != nil { // it goes with the next
		return nil, err
	}
	rows, err := q.IntendNIPs(ctx, p)
	if err != nil {
		return nil, err
	}
	verdicts := make([]verdict, len(rows))
	for i, r := range rows {
		verdicts[i] = verdict{r.Verdict, time.Duration(r.AgeMs) * time.Millisecond, r.Correlation, time.Duration(r.WaitMs) * time.Millisecond}
		if r.WaitMs <= 0 { // all that count came with this group
			verdicts[i].wait = s.cfg.NIP.Window
		}
	}
	return verdicts, nil
}

// uncount gives back the count of a request that certainly never left.
func (s *system) uncount(ctx context.Context, key [32]byte) {
	ctx, cancel := afterwards(ctx)
	defer cancel()
	_ = sql.New(s.db).UncountNIP(ctx, key[:]) // one NIP less for ten minutes is no harm
}

// prune forgets requests that neither count nor can be repeated any more.
func (s *system) prune(ctx context.Context) error {
	return sql.New(s.db).PruneNIPs(ctx, 2*keyLasts)
}

// afterwards bounds what is still to be written when a request's own time may be over.
func afterwards(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), 500*time.Millisecond)
}
