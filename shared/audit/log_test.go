package audit_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"puente/shared/audit"
	"puente/shared/database/databasetest"
	"puente/shared/journal"
)

func TestRecordIsShownAsItEnded(t *testing.T) {
	r := newReplica(t, databasetest.New(t, audit.Migrations), journal.Config{})
	record := audit.NewRecord(audit.Request)
	record.Layer, record.API, record.Operation, record.Method = "xapi", "portabilities", "postPortability", "POST"
	record.Client, record.System, record.Channel, record.Address = "tienda", "TIENDA", "WEB", "192.0.2.7"
	record.Correlation, record.Trace = "c-1", "0af7651916cd43dd8448eb211c80319c"
	record.Request = []byte(`{"phone":"******0019"}`)
	r.begin(record)
	record.AddDependency(audit.Dependency{Target: "botservice", Operation: "order", Status: 409, Error: "said \"no\"", Micros: 1500, Attempts: 2})
	record.Decisions = append(record.Decisions, audit.Decision{Policy: "limit", Verdict: "would_refuse", Detail: "1001 of 1000"})
	record.Keys = []audit.KeyValue{{Key: audit.PhoneKey, Value: "******0019"}, {Key: "numOrder", Value: "7"}}
	record.Duration, record.Status, record.Outcome = 12345*time.Microsecond, 409, "client"
	record.Code, record.Detail = "INVALID_FIELD", "numeroCelular: must match"
	record.Response = []byte(`{"code":"INVALID_FIELD"}`)
	r.end(record)
	r.flush()

	rows, err := audit.Show(t.Context(), r.db, "c-1")
	if err != nil || len(rows) != 1 {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	want := audit.Row{
		ID: record.ID, Kind: "request", Started: record.Started.UTC().Truncate(time.Microsecond), Millis: 12.345,
		Layer: "xapi", API: "portabilities", Operation: "postPortability", Method: "POST",
		Client: "tienda", System: "TIENDA", Channel: "WEB", Address: "192.0.2.7",
		Correlation: "c-1", Trace: "0af7651916cd43dd8448eb211c80319c",
		Status: 409, Outcome: "client", Code: "INVALID_FIELD", Detail: "numeroCelular: must match",
		Keys:         json.RawMessage(`[{"key":"phone","value":"******0019"},{"key":"numOrder","value":"7"}]`),
		Decisions:    json.RawMessage(`[{"policy":"limit","verdict":"would_refuse","detail":"1001 of 1000"}]`),
		Dependencies: json.RawMessage(`[{"target":"botservice","operation":"order","status":409,"error":"said \"no\"","micros":1500,"attempts":2}]`),
		Request:      json.RawMessage(`{"phone":"******0019"}`), Response: json.RawMessage(`{"code":"INVALID_FIELD"}`),
		Instance: r.journal.ID(), Sequence: 1,
	}
	if !reflect.DeepEqual(rows[0], want) {
		t.Errorf("shown\n%+v, want\n%+v", rows[0], want)
	}
}

func TestRefusedRequestNeedsNoBegin(t *testing.T) {
	r := newReplica(t, databasetest.New(t, audit.Migrations), journal.Config{})
	r.end(request("refused"))
	r.flush()
	if rows := r.search(audit.Query{Correlation: "refused"}); len(rows) != 1 || rows[0].Outcome != "ok" {
		t.Errorf("%+v", rows)
	}
}

func TestDependenciesAreAddedConcurrently(t *testing.T) {
	r := newReplica(t, databasetest.New(t, audit.Migrations), journal.Config{})
	record := r.begin(request("fan-out"))
	var calls sync.WaitGroup
	for i := range 20 {
		calls.Go(func() { record.AddDependency(audit.Dependency{Target: fmt.Sprint(i)}) })
	}
	r.end(record) // some are late
	calls.Wait()
	(*audit.Record)(nil).AddDependency(audit.Dependency{})
}

// Who begins nothing while the log is full can still end what it began.
func TestFullLogRefusesBeginningsAndTakesEnds(t *testing.T) {
	s := databasetest.NewServer(t, audit.Migrations)
	r := newReplica(t, s.DB, journal.Config{SegmentBytes: 4000, MaxSegments: 3})
	s.Stop()

	var begun []*audit.Record
	for !r.Full() {
		begun = append(begun, r.begin(request("begun")))
	}
	if err := r.Begin(request("late")); !errors.Is(err, journal.ErrFull) {
		t.Errorf("begin while full: %v", err)
	}
	if err := r.End(request("late")); !errors.Is(err, journal.ErrFull) {
		t.Errorf("end without begin while full: %v", err)
	}
	for _, record := range begun { // more than the last segment takes
		r.end(record)
	}
	if err := r.Flush(t.Context()); err == nil {
		t.Error("flushed without a database")
	}
	if r.metric("audit_journal_full") != 1 || r.metric("audit_dropped_total") != 1 || r.metric("audit_loader_lag_seconds") == 0 {
		t.Errorf("full %v, dropped %v, lag %v", r.metric("audit_journal_full"), r.metric("audit_dropped_total"), r.metric("audit_loader_lag_seconds"))
	}

	s.Start()
	r.flush() // makes room
	r.flush() // what was owed
	if r.Full() || r.metric("audit_loader_lag_seconds") != 0 {
		t.Errorf("full %t, lag %v with everything loaded", r.Full(), r.metric("audit_loader_lag_seconds"))
	}
	if got := r.search(audit.Query{Correlation: "begun", Limit: 1000}); len(got) != len(begun) {
		t.Errorf("%d records of %d that began", len(got), len(begun))
	}
	if got := r.intact(); got != int64(len(begun)) {
		t.Errorf("%d records, want %d", got, len(begun))
	}
}

// The file size limit stands in for a full disk: it meets what does not fit into the room taken ahead.
func TestEndIsOwedWhereTheDiskIsFull(t *testing.T) {
	const room = 1000
	r := newReplica(t, databasetest.New(t, audit.Migrations), journal.Config{SegmentBytes: room})
	record, refused := r.begin(request("owed")), request("refused")
	record.Request, refused.Request = make([]byte, room), make([]byte, room)

	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		t.Fatal(err)
	}
	tight := limit
	tight.Cur = room
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &tight); err != nil {
		t.Fatal(err)
	}
	errEnd := r.End(record)
	errBegin := r.Begin(refused)
	if err := syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit); err != nil {
		t.Fatal(err)
	}

	if errEnd != nil || !errors.Is(errBegin, syscall.EFBIG) {
		t.Errorf("end: %v, begin: %v", errEnd, errBegin)
	}
	r.flush()
	if rows := r.search(audit.Query{}); len(rows) != 1 || rows[0].Correlation != "owed" || rows[0].Outcome != "ok" {
		t.Errorf("%+v", rows)
	}
}

func BenchmarkBeginEnd(b *testing.B) {
	j, err := journal.Open(b.TempDir(), journal.Config{MaxSegments: 1 << 20})
	if err != nil {
		b.Fatal(err)
	}
	defer j.Close()
	r := &replica{t: b, journal: j}
	r.Log = audit.New(j, nil, audit.Config{}, "bench", databasetest.Logger(b), prometheus.NewRegistry())
	body, answer := []byte(strings.Repeat("x", 600)), []byte(strings.Repeat("y", 1000))
	b.ReportAllocs()
	for b.Loop() {
		record := request("3f2b7c1e-5d1c-4a0f-8a55-d2f0a7a4a1b2")
		record.Request = body
		r.begin(record)
		record.AddDependency(audit.Dependency{Target: "botservice", Operation: "postPortability", Status: 200, Micros: 50123, Attempts: 1})
		record.Decisions = append(record.Decisions, audit.Decision{Policy: "limit", Verdict: "local_share"})
		record.Keys = append(record.Keys, audit.KeyValue{Key: "phone", Value: "******0019"})
		record.Response, record.Duration = answer, time.Millisecond
		r.end(record)
		if j.Segments() > 8 {
			if err := j.Remove(j.End()); err != nil {
				b.Fatal(err)
			}
		}
	}
}

// BenchmarkLoad is the cost of one record on its way from the journal to the database, that of the
// database included.
func BenchmarkLoad(b *testing.B) {
	r := newReplica(b, databasetest.New(b, audit.Migrations), journal.Config{MaxSegments: 1 << 20})
	text := []byte(`"` + strings.Repeat("x", 800) + `"`)
	b.ResetTimer()
	for range b.N { // not Loop, which would leave Flush out
		record := request("3f2b7c1e-5d1c-4a0f-8a55-d2f0a7a4a1b2")
		record.Request, record.Response = text, text
		r.end(record)
	}
	r.flush()
}
