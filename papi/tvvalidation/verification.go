package tvvalidation

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"puente/contracts/papi/tvvalidation"
	"puente/papi/tvvalidation/sql"
	"puente/shared/database"
	"puente/shared/hop"
	"puente/shared/problem"
)

// event is a verification about to be recorded.
type event struct {
	tvvalidation.Verification
	id     uuid.UUID
	by     hop.Principal
	sealed []byte // by the writer
}

// recording is how long a caller waits for the record at most.
const recording = 500 * time.Millisecond

// record writes a verification down. A validation changes nothing, so one that cannot be recorded is
// answered all the same: the caller is not the worse for it, but that nobody finds the verification by
// its id. The log and a metric say so.
func (p *process) record(ctx context.Context, limit budget, e event) {
	plain, err := json.Marshal(e.Verification)
	if err == nil {
		e.sealed = p.ring.Seal(verificationSeal(e.ID), plain)
		err = p.write(ctx, limit, e)
	}
	if err != nil {
		p.metrics.unrecorded.Inc()
		p.log.WarnContext(ctx, "verification not recorded", "id", e.ID, "error", err)
	}
}

func (p *process) write(ctx context.Context, limit budget, e event) error {
	end := time.Now().Add(recording)
	if limit.answer.Before(end) {
		end = limit.answer
	}
	ctx, cancel := context.WithDeadline(context.WithoutCancel(ctx), end)
	defer cancel()
	_, err := p.events.Do(ctx, e)
	if noPartition(err) { // the job has not made it yet
		if err = p.makeDays(ctx, dayOf(e.id)); err == nil {
			_, err = p.events.Do(ctx, e)
		}
	}
	return err
}

// verificationSeal is what a result is sealed for: this verification and no other.
func verificationSeal(id string) string { return "tvvalidation.verifications/" + id }

// dayOf is the day of a UUIDv7, UTC.
func dayOf(id uuid.UUID) time.Time {
	seconds, nanoseconds := id.Time().UnixTime()
	return time.Unix(seconds, nanoseconds).UTC().Truncate(24 * time.Hour)
}

// noPartition reports whether a row was for a day that has no partition, which PostgreSQL calls a
// check violation; the table has no other checks.
func noPartition(err error) bool {
	var said *pgconn.PgError
	return err != nil && errors.As(err, &said) && said.Code == "23514"
}

// writeEvents records a group of verifications.
func (p *process) writeEvents(ctx context.Context, db database.Statements, group []event) ([]struct{}, error) {
	var in sql.RecordVerificationsParams
	for i := range group {
		e := &group[i]
		in.Ids = append(in.Ids, e.ID)
		in.Days = append(in.Days, dayOf(e.id))
		in.Ats = append(in.Ats, e.At)
		in.Clients = append(in.Clients, e.by.Client)
		in.Systems = append(in.Systems, e.by.System)
		in.Accounts = append(in.Accounts, e.Account)
		in.Technologies = append(in.Technologies, string(e.Technology))
		in.Channels = append(in.Channels, string(e.Channels.Semaphore))
		in.Services = append(in.Services, string(e.Services.Semaphore))
		in.Devices = append(in.Devices, string(e.Devices.Semaphore))
		in.Subscribers = append(in.Subscribers, string(e.Subscriber.Semaphore))
		in.Results = append(in.Results, e.sealed)
	}
	return make([]struct{}, len(group)), sql.New(db).RecordVerifications(ctx, in)
}

// QueryVerification finds a verification of the caller's client and system; to anybody else there is none.
func (p *process) QueryVerification(ctx context.Context, in tvvalidation.IDQuery) (out tvvalidation.Verification, err error) {
	none := &problem.Error{Kind: problem.NotFound, Detail: "There is no such verification"}
	id, err := uuid.Parse(in.ID)
	if err != nil || id.Version() != 7 {
		return out, none
	}
	by := hop.PrincipalOf(ctx)
	result, err := sql.New(p.db).Verification(ctx, sql.VerificationParams{ID: id.String(), Day: dayOf(id), Client: by.Client, System: by.System})
	if errors.Is(err, pgx.ErrNoRows) {
		return out, none
	}
	if err == nil {
		result, err = p.ring.Open(verificationSeal(id.String()), result)
	}
	if err == nil {
		err = json.Unmarshal(result, &out)
	}
	if err != nil {
		return out, database.Problem(fmt.Errorf("query verification: %w", err))
	}
	return out, nil
}

// days is the partitioned table of verifications.
var days = database.Daily{Schema: "tvvalidation", Table: "verifications"}

// ahead is how many days' partitions are made before they are needed.
const ahead = 3

// makeDays makes the partitions of day and the next ones.
func (p *process) makeDays(ctx context.Context, day time.Time) error {
	all := make([]time.Time, ahead+1)
	for i := range all {
		all[i] = day.AddDate(0, 0, i)
	}
	return days.Create(ctx, p.db, all...)
}

// keepDays makes partitions ahead and drops those that are too old.
func (p *process) keepDays(ctx context.Context) error {
	today, err := p.db.Today(ctx)
	if err != nil {
		return err
	}
	if err := p.makeDays(ctx, today); err != nil {
		return err
	}
	_, err = days.Drop(ctx, p.db, today.Add(-p.cfg.Verifications.Keep).Truncate(24*time.Hour))
	return err
}
