package reconnection

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"puente/contracts/papi/reconnection"
	"puente/contracts/sapi/inventory"
	"puente/shared/database"
	"puente/shared/database/databasetest"
	"puente/shared/hop"
	"puente/shared/jobs"
	"puente/shared/problem"
	"puente/shared/telemetry"
)

// startBatches is start, with jobs that can be enqueued.
func startBatches(t *testing.T, w *world) *process {
	t.Helper()
	p := w.process(databasetest.New(t, append(API.Migrations, jobs.Migrations)...), testRing(t), func() {})
	p.jobs = newJobs(t, p.db)
	p.cfg.Batch.Pauses = []time.Duration{0, 0}
	return p
}

func newJobs(t *testing.T, db *database.DB) *jobs.Jobs {
	t.Helper()
	j, err := jobs.New(db, jobs.Config{}, databasetest.Logger(t), prometheus.NewRegistry(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return j
}

var portal = hop.Principal{Client: "miEtb", System: "MiETB", Channel: "web"}

// batchOf makes lines and a batch of them; every eighth item is the first line again, every fifth is
// a stranger's.
func batchOf(w *world, items int) reconnection.BatchRequest {
	in := reconnection.BatchRequest{Key: "miEtb|MiETB|B-1"}
	for i := range items {
		connection := fmt.Sprint("SR-", i)
		if i%8 == 7 {
			connection = "SR-0"
		}
		r := w.add(connection, inventory.TechnologyLTE, inventory.ReasonLoss)
		if i%5 == 4 {
			r.DocumentNumber = "52000111"
		}
		in.Items = append(in.Items, reconnection.BatchItem{
			Correlation: fmt.Sprint("B-1-", i), Connection: r.Connection, DocumentType: r.DocumentType, DocumentNumber: r.DocumentNumber,
		})
	}
	return in
}

// checkBatch holds a finished batch to what the lines' own requests are answered.
func checkBatch(t *testing.T, p *process, in reconnection.BatchRequest, b reconnection.Batch) {
	t.Helper()
	if b.State != reconnection.BatchDone || b.Done != len(in.Items) || b.Total != len(in.Items) || len(b.Results) != len(in.Items) {
		t.Fatalf("batch %s: %d of %d, %d results", b.State, b.Done, b.Total, len(b.Results))
	}
	for i, r := range b.Results {
		item := in.Items[i]
		if r.Correlation != item.Correlation || r.Connection != item.Connection || r.State != reconnection.ItemDone {
			t.Errorf("item %d: %+v", i, r)
		}
		out, err := p.Reconnect(t.Context(), reconnection.Request{Connection: item.Connection, DocumentType: item.DocumentType, DocumentNumber: item.DocumentNumber})
		if refused, _ := refusal(err); refused != r.Code || (r.Outcome == nil) != (r.Code != "") || r.Outcome != nil && *r.Outcome != out {
			t.Errorf("item %d: %+v, want %+v %v", i, r, out, err)
		}
	}
}

func TestBatch(t *testing.T) {
	w := newWorld(t)
	p := startBatches(t, w)
	if err := jobs.Register(p.jobs, batchQueue, p.worker()); err != nil {
		t.Fatal(err)
	}
	in := batchOf(w, 40)
	w.does([]deed{refuses, unsent, unsent, lostAfter})
	ctx := hop.WithPrincipal(t.Context(), portal)
	started, err := p.StartBatch(ctx, in)
	if err != nil || started.State != reconnection.BatchRunning || started.Total != 40 || started.Done != 0 || started.Results[3].State != reconnection.ItemPending {
		t.Fatalf("%+v %v", started, err)
	}
	if n := testutil.ToFloat64(p.pendingItems()); n != 40 {
		t.Errorf("gauge %v", n)
	}
	if err := p.jobs.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := p.jobs.Stop(context.Background()); err != nil {
			t.Error(err)
		}
	}()
	b := awaitBatch(t, p, ctx, started.ID)
	checkBatch(t, p, in, b)
	if n := testutil.ToFloat64(p.pendingItems()); n != 0 {
		t.Errorf("gauge %v", n)
	}
	again, err := p.StartBatch(ctx, in)
	if err != nil || again.ID != b.ID || again.State != reconnection.BatchDone {
		t.Errorf("a repetition is another batch: %+v %v", again, err)
	}
	in.Items = in.Items[:1]
	if other, err := p.StartBatch(ctx, in); err != nil || other.ID == b.ID || other.Total != 1 {
		t.Errorf("the key with other items is the old batch: %+v %v", other, err)
	}
}

// awaitBatch looks at the batch, as its caller does, until it is over.
func awaitBatch(t *testing.T, p *process, ctx context.Context, id string) reconnection.Batch {
	t.Helper()
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	for {
		b, err := p.QueryBatch(ctx, reconnection.BatchQuery{ID: id})
		if err != nil {
			t.Fatal(err)
		}
		if b.State == reconnection.BatchDone {
			return b
		}
	}
}

func TestBatchIsItsOwners(t *testing.T) {
	w := newWorld(t)
	p := startBatches(t, w)
	in := batchOf(w, 2)
	ours, err := p.StartBatch(hop.WithPrincipal(t.Context(), portal), in)
	if err != nil {
		t.Fatal(err)
	}
	for name, by := range map[string]hop.Principal{
		"another system": {Client: "miEtb", System: "TIENDA"}, "another client": {Client: "kiosk", System: "MiETB"}, "nobody": {},
	} {
		ctx := hop.WithPrincipal(t.Context(), by)
		if _, err := p.QueryBatch(ctx, reconnection.BatchQuery{ID: ours.ID}); !errors.Is(err, problem.NotFound) {
			t.Errorf("%s: %v", name, err)
		}
		theirs, err := p.StartBatch(ctx, in)
		if err != nil || theirs.ID == ours.ID {
			t.Errorf("%s: the same key is the same batch: %v", name, err)
		}
	}
	if _, err := p.QueryBatch(hop.WithPrincipal(t.Context(), portal), reconnection.BatchQuery{ID: "RB-0"}); !errors.Is(err, problem.NotFound) {
		t.Error(err)
	}
}

func TestBatchBounds(t *testing.T) {
	w := newWorld(t)
	p := startBatches(t, w)
	for name, in := range map[string]reconnection.BatchRequest{"empty": {Key: "K"}, "too long": batchOf(w, 501), "no key": {Items: batchOf(w, 1).Items}} {
		if _, err := p.StartBatch(t.Context(), in); !errors.Is(err, problem.Invalid) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A technical failure is tried again, and in the end is the item's result; the others go on.
func TestBatchItemFails(t *testing.T) {
	w := newWorld(t)
	p := startBatches(t, w)
	ctx := hop.WithPrincipal(t.Context(), portal)
	b, err := p.StartBatch(ctx, batchOf(w, 3))
	if err != nil {
		t.Fatal(err)
	}
	p.items = failing{p, "B-1-1", new(atomic.Int32)}
	if _, over, err := p.workBatch(t.Context(), b.ID); err != nil || !over {
		t.Fatal(over, err)
	}
	b, err = p.QueryBatch(ctx, reconnection.BatchQuery{ID: b.ID})
	if err != nil || b.State != reconnection.BatchDone {
		t.Fatalf("%+v %v", b, err)
	}
	if r := b.Results[1]; r.Code != reconnection.CodeTechnical || r.Outcome != nil {
		t.Errorf("%+v", r)
	}
	for _, i := range []int{0, 2} {
		if r := b.Results[i]; r.Outcome == nil || r.Outcome.Kind != reconnection.KindOrder {
			t.Errorf("%+v", r)
		}
	}
	if n := p.items.(failing).tries.Load(); n != 3 {
		t.Errorf("tried %d times", n)
	}
}

// failing fails for one correlation, and holds every item to what it runs under.
type failing struct {
	*process
	correlation string
	tries       *atomic.Int32
}

func (f failing) Reconnect(ctx context.Context, in reconnection.Request) (reconnection.Outcome, error) {
	end, ok := ctx.Deadline()
	if hop.PrincipalOf(ctx) != portal || !strings.HasPrefix(telemetry.Correlation(ctx), "B-1-") || !ok || time.Until(end) > sla {
		return reconnection.Outcome{}, fmt.Errorf("under %+v %q until %v", hop.PrincipalOf(ctx), telemetry.Correlation(ctx), end)
	}
	if telemetry.Correlation(ctx) == f.correlation {
		f.tries.Add(1)
		return reconnection.Outcome{}, problem.Unavailable
	}
	return f.process.Reconnect(ctx, in)
}

// An item that failed waits for its pause; the job is told for how long.
func TestBatchPause(t *testing.T) {
	w := newWorld(t)
	p := startBatches(t, w)
	p.cfg.Batch.Pauses = []time.Duration{time.Hour}
	w.does([]deed{unsent})
	b, err := p.StartBatch(hop.WithPrincipal(t.Context(), portal), batchOf(w, 1))
	if err != nil {
		t.Fatal(err)
	}
	again, over, err := p.workBatch(t.Context(), b.ID)
	if err != nil || over || again < 59*time.Minute || again > time.Hour {
		t.Errorf("%v %v %v", again, over, err)
	}
}

// Processes die over a batch one after the other; the last one brings it to its end, and no line has
// two orders.
func TestBatchOutlivesProcesses(t *testing.T) {
	w := newWorld(t)
	first := startBatches(t, w)
	in := batchOf(w, 30)
	ctx := hop.WithPrincipal(t.Context(), portal)
	b, err := first.StartBatch(ctx, in)
	if err != nil {
		t.Fatal(err)
	}
	for _, what := range []deed{diesBefore, diesAfter} {
		w.does([]deed{accepts, accepts, what})
		life, die := context.WithCancel(t.Context())
		dying := w.process(first.db, first.ring, die)
		if _, over, err := dying.workBatch(life, b.ID); err == nil || over {
			t.Fatalf("it did not die: %v", over)
		}
		for dying.inWork() > 1 { // all but the one that died
			runtime.Gosched()
		}
		later(t, first.db)
	}
	w.does(nil)
	last := w.process(first.db, first.ring, func() {})
	if _, over, err := last.workBatch(t.Context(), b.ID); err != nil || !over {
		t.Fatal(over, err)
	}
	if b, err = last.QueryBatch(ctx, reconnection.BatchQuery{ID: b.ID}); err != nil {
		t.Fatal(err)
	}
	checkBatch(t, last, in, b)
	for i := range in.Items {
		if made, filed := w.effects(last, in.Items[i].Connection); made+filed > 1 {
			t.Errorf("%s: %d orders, %d PQRs", in.Items[i].Connection, made, filed)
		}
	}
}

// What an item asks for is sealed, and one that cannot be opened does not keep the others waiting.
func TestBatchItemsAreSealed(t *testing.T) {
	w := newWorld(t)
	p := startBatches(t, w)
	in := batchOf(w, 3)
	b, err := p.StartBatch(hop.WithPrincipal(t.Context(), portal), in)
	if err != nil {
		t.Fatal(err)
	}
	var found int
	if err := p.db.QueryRow(t.Context(), `SELECT count(*) FROM reconnection.batch_items WHERE encode(request, 'escape') LIKE '%SR-%' OR encode(request, 'escape') LIKE '%026%'`).Scan(&found); err != nil || found != 0 {
		t.Errorf("%d items can be read: %v", found, err)
	}
	if _, err := p.db.Exec(t.Context(), `UPDATE reconnection.batch_items SET request = 'not sealed' WHERE position = 0`); err != nil {
		t.Fatal(err)
	}
	if _, _, err := p.workBatch(t.Context(), b.ID); err == nil {
		t.Error("an item that cannot be opened is no error")
	}
	if _, over, err := p.workBatch(t.Context(), b.ID); err != nil || !over {
		t.Error(over, err)
	}
}

func TestPruneBatches(t *testing.T) {
	w := newWorld(t)
	p := startBatches(t, w)
	ctx := hop.WithPrincipal(t.Context(), portal)
	in := batchOf(w, 2)
	for i := range 25 {
		in.Key = fmt.Sprint("K-", i)
		if _, err := p.StartBatch(ctx, in); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := p.db.Exec(t.Context(), `UPDATE reconnection.batches SET created_at = created_at - interval '31 days' WHERE id <> (SELECT min(id) FROM reconnection.batches)`); err != nil {
		t.Fatal(err)
	}
	if err := p.prune(t.Context()); err != nil {
		t.Fatal(err)
	}
	var batches, items int
	if err := p.db.QueryRow(t.Context(), `SELECT (SELECT count(*) FROM reconnection.batches), (SELECT count(*) FROM reconnection.batch_items)`).Scan(&batches, &items); err != nil || batches != 1 || items != 2 {
		t.Errorf("%d batches, %d items: %v", batches, items, err)
	}
	if _, over, err := p.workBatch(t.Context(), "RB-0"); err != nil || !over {
		t.Errorf("a pruned batch: %v %v", over, err)
	}
}
