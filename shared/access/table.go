package access

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"puente/shared/access/sql"
	"puente/shared/admin"
	"puente/shared/database"
	"puente/shared/problem"
)

// readTiers, readSystems, readClients and readSwitches read one entity, or all where id is nil.

func readTiers(ctx context.Context, q *sql.Queries, id *string) ([]admin.Named[TierSpec], error) {
	rows, err := q.ListTiers(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("access: read tiers: %w", err)
	}
	all := make([]admin.Named[TierSpec], len(rows))
	for i, row := range rows {
		all[i].ID = row.Name
		if err := json.Unmarshal(row.Limits, &all[i].Spec.Limits); err != nil {
			return nil, fmt.Errorf("access: limits of tier %s: %w", row.Name, err)
		}
	}
	return all, nil
}

func readSystems(ctx context.Context, q *sql.Queries, id *string) ([]admin.Named[SystemSpec], error) {
	rows, err := q.ListSystems(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("access: read systems: %w", err)
	}
	all := make([]admin.Named[SystemSpec], len(rows))
	for i, row := range rows {
		spec := SystemSpec{Status: Suspended, APIs: row.Apis, Channels: row.Channels, Channel: row.DefaultChannel}
		if row.Active {
			spec.Status = Active
		}
		if err := json.Unmarshal(row.Limits, &spec.Limits); err != nil {
			return nil, fmt.Errorf("access: limits of system %s: %w", row.Name, err)
		}
		if err := json.Unmarshal(row.Access, &spec.Access); err != nil {
			return nil, fmt.Errorf("access: access of system %s: %w", row.Name, err)
		}
		spec.Normalize()
		all[i] = admin.Named[SystemSpec]{ID: row.Name, Spec: spec}
	}
	return all, nil
}

func readClients(ctx context.Context, q *sql.Queries, id *string) ([]admin.Named[ClientSpec], error) {
	rows, err := q.ListClients(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("access: read clients: %w", err)
	}
	bindings, err := q.ListClientSystems(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("access: read bindings: %w", err)
	}
	contracts, err := q.ListContracts(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("access: read contracts: %w", err)
	}
	all := make([]admin.Named[ClientSpec], len(rows))
	byID := make(map[string]*ClientSpec, len(rows))
	for i, row := range rows {
		all[i] = admin.Named[ClientSpec]{ID: row.ID, Spec: ClientSpec{Name: row.Name, Status: Status(row.Status), Addresses: row.Addresses}}
		byID[row.ID] = &all[i].Spec
	}
	for _, b := range bindings {
		c := byID[b.Client]
		c.Systems = append(c.Systems, b.System)
	}
	for _, k := range contracts {
		c := byID[k.Client]
		c.Contracts = append(c.Contracts, ContractSpec{API: k.Api, Tier: k.Tier, Status: ContractStatus(k.Status)})
	}
	for i := range all {
		all[i].Spec.Normalize()
	}
	return all, nil
}

func readSwitches(ctx context.Context, q *sql.Queries, id *string) ([]admin.Named[SwitchSpec], error) {
	rows, err := q.ListSwitches(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("access: read switches: %w", err)
	}
	all := make([]admin.Named[SwitchSpec], len(rows))
	for i, row := range rows {
		spec := SwitchSpec{
			API: row.Api, Operation: row.Operation, System: row.System, Channel: row.Channel, Partner: row.Partner,
			Off: row.Off, Reason: row.Reason, RetryAfter: admin.Duration(time.Duration(row.RetryAfterMs) * time.Millisecond),
			From: row.Starts, Until: row.Ends,
		}
		if spec.API == "" {
			spec.API = anything
		}
		spec.Normalize()
		all[i] = admin.Named[SwitchSpec]{ID: row.ID, Spec: spec}
	}
	return all, nil
}

func putTier(ctx context.Context, q *sql.Queries, id string, spec TierSpec) error {
	limits, err := json.Marshal(spec.Limits)
	if err != nil {
		return fmt.Errorf("access: write limits: %w", err)
	}
	return q.PutTier(ctx, sql.PutTierParams{Name: id, Limits: limits})
}

func putSystem(ctx context.Context, q *sql.Queries, id string, spec SystemSpec) error {
	if !systemName.MatchString(id) {
		return &problem.Error{Kind: problem.Invalid, Fields: []problem.Field{{Path: "id", Rule: "must match " + systemName.String()}}}
	}
	limits, err := json.Marshal(append([]LimitSpec{}, spec.Limits...)) // [], never null
	if err != nil {
		return fmt.Errorf("access: write limits: %w", err)
	}
	access, err := json.Marshal(append([]AccessSpec{}, spec.Access...))
	if err != nil {
		return fmt.Errorf("access: write access: %w", err)
	}
	return q.PutSystem(ctx, sql.PutSystemParams{
		Name: id, Active: spec.Status == Active, Apis: spec.APIs, Channels: spec.Channels, DefaultChannel: spec.Channel, Limits: limits, Access: access,
	})
}

// putClient replaces the client with its bindings and contracts.
func putClient(ctx context.Context, q *sql.Queries, id string, spec ClientSpec) error {
	addresses := append([]netip.Prefix{}, spec.Addresses...) // an empty array, never null
	err := q.PutClient(ctx, sql.PutClientParams{ID: id, Name: spec.Name, Status: string(spec.Status), Addresses: addresses})
	if err != nil {
		return err
	}
	if err := q.UnbindSystems(ctx, id); err != nil {
		return err
	}
	if err := q.BindSystems(ctx, sql.BindSystemsParams{Client: id, Systems: spec.Systems}); err != nil {
		return err
	}
	if err := q.RemoveContracts(ctx, id); err != nil {
		return err
	}
	for _, k := range spec.Contracts {
		if err := q.AddContract(ctx, sql.AddContractParams{Client: id, Api: k.API, Tier: k.Tier, Status: string(k.Status)}); err != nil {
			return err
		}
	}
	return nil
}

func putSwitch(ctx context.Context, q *sql.Queries, id string, spec SwitchSpec) error {
	w := spec.named(id).Subject // without wildcards
	return q.PutSwitch(ctx, sql.PutSwitchParams{
		ID: id, Api: w.API, Operation: w.Operation, System: w.System, Channel: w.Channel, Partner: w.Partner,
		Off: spec.Off, Reason: spec.Reason, RetryAfterMs: time.Duration(spec.RetryAfter).Milliseconds(), Starts: spec.From, Ends: spec.Until,
	})
}

// collection makes one table's functions into what admin.Of wants. Each Put is one transaction.
func collection[T any](db *database.DB,
	read func(context.Context, *sql.Queries, *string) ([]admin.Named[T], error),
	put func(context.Context, *sql.Queries, string, T) error,
	remove func(*sql.Queries, context.Context, string) (int64, error),
) admin.Collection[T] {
	return admin.Collection[T]{
		List: func(ctx context.Context) (all []admin.Named[T], err error) {
			err = reading(ctx, db, func(q *sql.Queries) error {
				all, err = read(ctx, q, nil)
				return err
			})
			return all, err
		},
		Get: func(ctx context.Context, id string) (spec T, err error) {
			err = reading(ctx, db, func(q *sql.Queries) error {
				found, err := read(ctx, q, &id)
				if err == nil && len(found) == 0 {
					return &problem.Error{Kind: problem.NotFound}
				}
				if err == nil {
					spec = found[0].Spec
				}
				return err
			})
			return spec, err
		},
		Put: func(ctx context.Context, id string, spec T) error {
			return refused(pgx.BeginFunc(ctx, db, func(tx pgx.Tx) error { return put(ctx, sql.New(tx), id, spec) }))
		},
		Delete: func(ctx context.Context, id string) error {
			n, err := remove(sql.New(db), ctx, id)
			if err == nil && n == 0 {
				return &problem.Error{Kind: problem.NotFound}
			}
			return refused(err)
		},
	}
}

// reading runs f on one state of the tables.
func reading(ctx context.Context, db *database.DB, f func(*sql.Queries) error) error {
	return db.AtOneMoment(ctx, func(tx pgx.Tx) error { return f(sql.New(tx)) })
}

// refused makes what the database's rules refuse an error that the operator can act on.
func refused(err error) error {
	var said *pgconn.PgError
	if !errors.As(err, &said) {
		return database.Problem(err)
	}
	switch said.Code {
	case "23503": // foreign key violation
		return &problem.Error{Kind: problem.Conflict, Detail: "what it refers to does not exist, or something still refers to it", Err: err}
	case "23505": // unique violation
		return &problem.Error{Kind: problem.Conflict, Detail: "another one has this name, in other case", Err: err}
	case "23514": // check violation
		return &problem.Error{Kind: problem.Invalid, Detail: "the id or a member is not allowed", Err: err}
	}
	return database.Problem(err)
}
