package reconnection

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"puente/contracts/papi/reconnection"
	"puente/papi/reconnection/sql"
	"puente/shared/database"
	"puente/shared/hop"
	"puente/shared/jobs"
	"puente/shared/problem"
)

// batchQueue is apart from the API's other queue, where long batches would keep the inquiries waiting.
const batchQueue = "papi.reconnection.batches"

// batchJob works one batch.
type batchJob struct {
	Batch string `json:"batch"`
}

// Kind implements river.JobArgs.
func (batchJob) Kind() string { return "papi.reconnection.batch" }

// maxItems is the contract's.
const maxItems = 500

// StartBatch writes the whole batch down, with the job that works it. Its id follows from its owner,
// key and items, so a repetition finds the first, and a key that names other items another time makes
// another batch.
func (p *process) StartBatch(ctx context.Context, in reconnection.BatchRequest) (reconnection.Batch, error) {
	if in.Key == "" || len(in.Items) == 0 || len(in.Items) > maxItems {
		return reconnection.Batch{}, &problem.Error{Kind: problem.Invalid, Fields: []problem.Field{{Path: "items", Rule: "must be 1 to 500, under a key"}}}
	}
	by := hop.PrincipalOf(ctx)
	all, err := json.Marshal(in.Items)
	if err != nil {
		return reconnection.Batch{}, err
	}
	sum := p.ring.MAC("reconnection.batch", []byte(by.Scoped(in.Key)), all)
	id := "RB-" + hex.EncodeToString(sum[:16])
	items := sql.CreateItemsParams{BatchID: id}
	for i, item := range in.Items {
		request, err := json.Marshal(reconnection.Request{Connection: item.Connection, DocumentType: item.DocumentType, DocumentNumber: item.DocumentNumber})
		if err != nil {
			return reconnection.Batch{}, err
		}
		items.Positions = append(items.Positions, int32(i))
		items.Correlations = append(items.Correlations, item.Correlation)
		items.Requests = append(items.Requests, p.ring.Seal(sealed(id, int32(i)), request))
	}
	err = pgx.BeginFunc(ctx, p.db, func(tx pgx.Tx) error {
		q := sql.New(tx)
		created, err := q.CreateBatch(ctx, sql.CreateBatchParams{
			ID: id, Owner: by.Scoped(), Client: by.Client, System: by.System, Channel: by.Channel, Total: int32(len(in.Items)),
		})
		if err != nil || created == 0 {
			return err
		}
		if err := q.CreateItems(ctx, items); err != nil {
			return err
		}
		_, err = p.jobs.Enqueue(ctx, tx, batchQueue, batchJob{id}, jobs.Options{Attempts: manyAttempts})
		return err
	})
	if err != nil {
		return reconnection.Batch{}, database.Problem(fmt.Errorf("start batch: %w", err))
	}
	return p.QueryBatch(ctx, reconnection.BatchQuery{ID: id})
}

// sealed is what an item's request is sealed for: this item and no other.
func sealed(batch string, position int32) string {
	return fmt.Sprintf("reconnection.batch_items/%s/%d", batch, position)
}

// QueryBatch tells the state of a batch to its owner; to anybody else there is none.
func (p *process) QueryBatch(ctx context.Context, in reconnection.BatchQuery) (reconnection.Batch, error) {
	q := sql.New(p.db)
	row, err := q.Batch(ctx, sql.BatchParams{ID: in.ID, Owner: hop.PrincipalOf(ctx).Scoped()})
	if errors.Is(err, pgx.ErrNoRows) {
		return reconnection.Batch{}, &problem.Error{Kind: problem.NotFound, Detail: "There is no such batch"}
	}
	if err != nil {
		return reconnection.Batch{}, database.Problem(fmt.Errorf("query batch: %w", err))
	}
	items, err := q.Items(ctx, in.ID)
	if err != nil {
		return reconnection.Batch{}, database.Problem(fmt.Errorf("query items of batch: %w", err))
	}
	b := reconnection.Batch{
		ID: row.ID, State: reconnection.BatchRunning, Total: int(row.Total), CreatedAt: row.CreatedAt.UTC(),
		Results: make([]reconnection.BatchResult, 0, len(items)),
	}
	for _, item := range items {
		request, err := p.open(in.ID, item.Position, item.Request)
		if err != nil {
			return reconnection.Batch{}, err
		}
		result := reconnection.BatchResult{Correlation: item.Correlation, Connection: request.Connection, State: reconnection.ItemPending}
		if item.Done {
			b.Done++
			result.State, result.Code = reconnection.ItemDone, item.Code
			if item.Code == "" {
				result.Outcome = &reconnection.Outcome{
					Kind: reconnection.Kind(item.Kind), OrderNumber: item.OrderNumber, CUN: item.Cun, PQRNumber: item.PqrNumber,
				}
			}
		}
		b.Results = append(b.Results, result)
	}
	if b.Done == b.Total {
		b.State = reconnection.BatchDone
	}
	return b, nil
}

// open reads an item's request.
func (p *process) open(batch string, position int32, request []byte) (in reconnection.Request, err error) {
	text, err := p.ring.Open(sealed(batch, position), request)
	if err == nil {
		err = json.Unmarshal(text, &in)
	}
	if err != nil {
		return in, fmt.Errorf("open item %d of batch %s: %w", position, batch, err)
	}
	return in, nil
}

// prune removes batches that are too old, some at a time.
func (p *process) prune(ctx context.Context) error {
	for {
		n, err := sql.New(p.db).PruneBatches(ctx, p.cfg.Batch.Keep)
		if err != nil || n == 0 {
			return err
		}
	}
}
