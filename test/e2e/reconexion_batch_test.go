package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"puente/test/sandbox/fault"
)

// batch is a batch as its channel shows it.
type batch struct {
	ID     string `json:"Batch_Id"`
	Status string `json:"Status"`
	Total  int    `json:"Total"`
	Done   int    `json:"Done"`
	Items  []struct {
		CorrelationID string
		Phone         string
		Status        string
		Code          string
		CUN           string
		Order         string `json:"Order_Number"`
		PQR           string `json:"Num_PQR"`
	} `json:"Items"`
}

// batchOf reads an answer about a batch.
func batchOf(t testing.TB, a answer) batch {
	t.Helper()
	var read struct {
		Body batch `json:"WSResponseBody"`
	}
	if err := json.Unmarshal([]byte(a.body), &read); err != nil || a.status != 200 || read.Body.ID == "" {
		t.Fatalf("%d, no batch: %v\n%s", a.status, err, a.body)
	}
	if b := read.Body; b.Total != len(b.Items) || (b.Status == "DONE") != (b.Done == b.Total) {
		t.Errorf("%s of %s: %d of %d done, %d items", b.Status, b.ID, b.Done, b.Total, len(b.Items))
	}
	return read.Body
}

// startBatch starts a batch of lines under a correlation.
func (c *caller) startBatch(t testing.TB, correlation string, lines ...line) answer {
	t.Helper()
	items := make([]json.RawMessage, len(lines))
	for i, l := range lines {
		items[i] = json.RawMessage(text(members{"Document_Number": l.document, "Document_Type": l.documentType, "Phone": l.phone}))
	}
	return c.post(t, batchPath, inEnvelope(c.system, correlation, text(members{"Items": items})))
}

// batch asks how far a batch has come.
func (c *caller) batch(t testing.TB, id string) answer {
	t.Helper()
	a, err := c.try(http.MethodGet, batchPath+"/"+id, "", "X-Correlation-ID", c.correlation(), "Content-Type", "")
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// awaitBatch waits for the end of a batch, and returns it.
func (c *caller) awaitBatch(t testing.TB, id string, within time.Duration) (b batch) {
	t.Helper()
	eventually(t, within, "the batch is done", func() bool {
		now := batchOf(t, c.batch(t, id))
		if now.Done < b.Done {
			t.Errorf("%d done, and then %d", b.Done, now.Done)
		}
		b = now
		return b.Status == "DONE"
	})
	return b
}

// reconexionBatches: a batch is taken at once, tells its progress, and has a result for each item; it is
// its client's alone.
func reconexionBatches(t *testing.T, p *platform) {
	c, other := p.caller(t), p.caller(t)
	lines := []line{
		p.newLine(t, "ROBO"), p.newLine(t, "MORA", owes), {p.phone(), "CC", "1020304050"}, p.newLine(t, "ROBO", active),
		p.newLine(t, "ROBO"), p.newLine(t, "FRAUDE"), p.newLine(t, "ROBO", refusesOrders),
	}
	lines[4].document = "1020304050"
	lines = append(lines, lines[0]) // twice in one batch
	id := c.correlation()
	started := c.startBatch(t, id, lines...)
	first := batchOf(t, started)
	if first.Total != len(lines) || !strings.Contains(started.body, "El lote fue recibido") {
		t.Errorf("started %s", started.body)
	}
	replayed(t, started, c.startBatch(t, id, lines...))
	leaks(t, started)
	b := c.awaitBatch(t, first.ID, 20*time.Second)
	order, debt, refused := p.onlyOrder(t, lines[0]), p.onlyPQR(t, lines[1]), p.onlyPQR(t, lines[6])
	want := []reply{order, debt, {code: "ERROR_06"}, {code: "ERROR_07"}, {code: "ERROR_08"}, {code: "ERROR_09"}, refused, order}
	for i, item := range b.Items {
		if got := (reply{item.Code, item.Order, item.CUN, item.PQR}); got != want[i] || item.Phone != lines[i].phone ||
			item.CorrelationID != fmt.Sprintf("%s-%d", id, i+1) || item.Status != "DONE" {
			t.Errorf("item %d: %+v, want %+v", i, item, want[i])
		}
	}
	item := p.audited(t, b.Items[0].CorrelationID)
	if len(atEdge(item)) != 0 || item[0].Client != c.id || item[0].System != c.system {
		t.Errorf("the audit of an item: %+v", item)
	}
	for _, id := range []string{b.ID, "RB-00000000000000000000000000000000", "x"} {
		a := other.batch(t, id)
		if a.status != 404 || replyOfError(t, a) != "ERROR_31" || strings.Contains(a.body, lines[0].phone) {
			t.Errorf("another's batch: %d %s", a.status, a.body)
		}
		leaks(t, a)
	}
	for name, items := range map[string][]line{"empty": {}, "too long": make([]line, 501)} {
		for i := range items {
			items[i] = lines[0]
		}
		id := c.correlation()
		c.wantCode(of(t, name), c.startBatch(t, id, items...), c.system, id, "ERROR_04")
	}
}

// replyOfError is the code of an error.
func replyOfError(t testing.TB, a answer) string {
	t.Helper()
	var read struct {
		Header struct {
			Service struct{ Code string }
		} `json:"WSResponseHeader"`
	}
	if err := json.Unmarshal([]byte(a.body), &read); err != nil {
		t.Fatal(err)
	}
	return read.Header.Service.Code
}

// lines are so many, all suspended for theft.
func (p *platform) lines(t testing.TB, n int) []line {
	t.Helper()
	all := make([]line, n)
	for i := range all {
		all[i] = p.newLine(t, "ROBO")
	}
	return all
}

// A batch whose process is killed in the middle goes on with the next one, and ends with a result for
// each item and one order for each line.
func TestBatchKilled(t *testing.T) {
	t.Parallel()
	p := begin(t, typed, settings{more: "jobs: {lease: 1s}\n"})
	c, lines := p.caller(t), p.lines(t, campaign(60, 500))
	p.sandbox.Fault(t, fault.Fault{System: "orders", Operation: "create", Kind: fault.Delay, Delay: 50 * time.Millisecond})
	id := c.correlation()
	started := c.startBatch(t, id, lines...)
	b := batchOf(t, started)
	eventually(t, within, "a third is done", func() bool { return batchOf(t, c.batch(t, b.ID)).Done >= len(lines)/3 })
	p.edge().kill()
	done := len(p.sandbox.Orders.Orders())
	p.edge().start(t)
	restarted := time.Now()
	b = c.awaitBatch(t, b.ID, 2*time.Minute)
	if len(b.Items) != len(lines) || done == len(lines) {
		t.Errorf("%d results for %d lines; %d were ordered when the process was killed", len(b.Items), len(lines), done)
	}
	for i, item := range b.Items {
		if got := (reply{item.Code, item.Order, item.CUN, item.PQR}); got != p.onlyOrder(t, lines[i]) {
			t.Errorf("item %d: %+v", i, item)
		}
	}
	replayed(t, started, c.startBatch(t, id, lines...))
	t.Logf("%d of %d were ordered when the process was killed; the others %s after it was there again", done, len(lines), time.Since(restarted).Round(time.Millisecond))
}
