package tvvalidation

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"puente/contracts/papi/tvvalidation"
	"puente/papi/tvvalidation/sql"
	"puente/shared/database"
	"puente/shared/hop"
	"puente/shared/problem"
)

// run is a normalization in work: its row, and the right to change the platforms of its account.
type run struct {
	id      string
	account [32]byte
	last    pgtype.UUID // of those that acted on the account, when the platforms were compared
	token   [16]byte
	out     tvvalidation.Normalization
}

func (p *process) newRun(account string, last pgtype.UUID) (run, error) {
	id, err := uuid.NewV7()
	n := run{id: id.String(), account: p.accountKey(account), last: last}
	_, _ = rand.Read(n.token[:]) // crypto/rand: never fails
	return n, err
}

func (n *run) end(at time.Time) { n.out.EndedAt = &at }

func (p *process) accountKey(account string) [32]byte {
	return p.ring.MAC("tvvalidation.account", []byte(account))
}

// beyond is how much longer than its time a run has its row.
const beyond = time.Second

// start writes n down. It is false where another one has the key, or where one works at the account or
// has since the comparison: that says no longer what the platforms have.
func (p *process) start(ctx context.Context, r request, n *run) (bool, error) {
	sealed, err := p.sealRun(n)
	if err != nil {
		return false, err
	}
	started, err := sql.New(p.db).StartNormalization(ctx, sql.StartNormalizationParams{
		ID: n.id, Key: r.key[:], Asked: r.asked[:], Client: r.by.Client, System: r.by.System, Channel: r.by.Channel, Correlation: r.correlation,
		Account: n.account[:], Technology: string(n.out.Technology), Acts: n.out.State == tvvalidation.NormalizationRunning, Last: n.last,
		State: string(n.out.State), Result: sealed, Token: n.token[:], Lasts: p.worktime + beyond,
	})
	if err != nil {
		return false, database.Problem(fmt.Errorf("start normalization: %w", err))
	}
	return started > 0, nil
}

// finish ends n's row, and with it the normalization.
func (p *process) finish(ctx context.Context, n run) (tvvalidation.Normalization, error) {
	n.out.State = tvvalidation.NormalizationDone
	n.end(p.now())
	sealed, err := p.sealRun(&n)
	if err != nil {
		return tvvalidation.Normalization{}, err
	}
	held, err := p.endRow(ctx, n.id, n.token[:], sealed)
	if err != nil { // somebody takes it over, and finds the same
		return tvvalidation.Normalization{}, err
	}
	if !held {
		return tvvalidation.Normalization{}, problem.Errorf(problem.Unknown, "normalize: the work was taken for over")
	}
	return n.out, nil
}

func (p *process) endRow(ctx context.Context, id string, token, result []byte) (held bool, err error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), recording)
	defer cancel()
	var key pgtype.UUID
	if err := key.Scan(id); err != nil {
		return false, err
	}
	ended, err := sql.New(p.db).EndNormalization(ctx, sql.EndNormalizationParams{ID: key, Token: token, Result: result})
	if err != nil {
		return false, database.Problem(fmt.Errorf("end normalization: %w", err))
	}
	return ended > 0, nil
}

// runSeal is what a result is sealed for: this normalization and no other.
func runSeal(id string) string { return "tvvalidation.normalizations/" + id }

func (p *process) sealRun(n *run) ([]byte, error) {
	plain, err := json.Marshal(n.out)
	return p.ring.Seal(runSeal(n.id), plain), err
}

func (p *process) openRun(id string, sealed []byte) (out tvvalidation.Normalization, err error) {
	plain, err := p.ring.Open(runSeal(id), sealed)
	if err == nil {
		err = json.Unmarshal(plain, &out)
	}
	if err != nil {
		return out, fmt.Errorf("open normalization %s: %w", id, err)
	}
	return out, nil
}

// bound is how long a key names the same normalization: as long as any edge remembers the correlation that
// it comes from. After that a caller may mean another one by it.
const bound = 48 * time.Hour

// earlier is what became of the normalization that r repeats, if there is one.
func (p *process) earlier(ctx context.Context, r request) (out tvvalidation.Normalization, found bool, err error) {
	row, _, err := p.await(ctx, func(ctx context.Context) (sql.TvvalidationNormalization, bool, error) {
		q := sql.New(p.db)
		row, err := q.NormalizationByKey(ctx, sql.NormalizationByKeyParams{Key: r.key[:], Bound: bound})
		if err == nil && row.Free {
			if err = q.FreeKey(ctx, sql.FreeKeyParams{ID: row.TvvalidationNormalization.ID, Key: r.key[:]}); err == nil {
				err = pgx.ErrNoRows
			}
		}
		if err == nil && [32]byte(row.TvvalidationNormalization.Asked) != r.asked {
			err = &problem.Error{Kind: problem.Conflict, Detail: "The key is another normalization's"}
		}
		return row.TvvalidationNormalization, row.Over, err
	})
	if errors.Is(err, pgx.ErrNoRows) {
		return out, false, nil
	}
	if err == nil {
		out, err = p.openRun(row.ID.String(), row.Result)
	}
	return out, err == nil, err
}

// alone returns once nobody works at the account: the last one that did, and whether that had to be
// waited for.
func (p *process) alone(ctx context.Context, account string) (last pgtype.UUID, waited bool, err error) {
	key := p.accountKey(account)
	row, waited, err := p.await(ctx, func(ctx context.Context) (sql.TvvalidationNormalization, bool, error) {
		row, err := sql.New(p.db).LastNormalization(ctx, key[:])
		return row.TvvalidationNormalization, row.Over, err
	})
	if errors.Is(err, pgx.ErrNoRows) {
		err = nil
	}
	return row.ID, waited, err
}

// await returns the row that look finds once it is not RUNNING, or look's error. A row that nobody works
// at any more it finishes itself.
func (p *process) await(ctx context.Context, look func(context.Context) (row sql.TvvalidationNormalization, over bool, err error)) (_ sql.TvvalidationNormalization, waited bool, _ error) {
	looks := time.NewTicker(p.cfg.Normalizations.Poll)
	defer looks.Stop()
	for {
		row, over, err := look(ctx)
		if err != nil && !errors.Is(err, pgx.ErrNoRows) {
			err = database.Problem(fmt.Errorf("look for normalization: %w", err))
		}
		if err != nil || row.State != string(tvvalidation.NormalizationRunning) {
			return row, waited, err
		}
		waited = true
		if over {
			if err := p.takeOver(context.WithoutCancel(ctx), row); err != nil {
				return row, waited, err
			}
			continue
		}
		select {
		case <-looks.C:
		case <-ctx.Done():
			return row, waited, &problem.Error{Kind: problem.Timeout, Detail: "A normalization of the account is in work", Err: ctx.Err()}
		}
	}
}

// QueryNormalization finds a normalization of the caller's client and system; to anybody else there is none.
func (p *process) QueryNormalization(ctx context.Context, in tvvalidation.IDQuery) (out tvvalidation.Normalization, err error) {
	none := &problem.Error{Kind: problem.NotFound, Detail: "There is no such normalization"}
	id, err := uuid.Parse(in.ID)
	if err != nil {
		return out, none
	}
	by := hop.PrincipalOf(ctx)
	result, err := sql.New(p.db).NormalizationByID(ctx, sql.NormalizationByIDParams{ID: id.String(), Client: by.Client, System: by.System})
	if errors.Is(err, pgx.ErrNoRows) {
		return out, none
	}
	if err != nil {
		return out, database.Problem(fmt.Errorf("query normalization: %w", err))
	}
	return p.openRun(id.String(), result)
}
