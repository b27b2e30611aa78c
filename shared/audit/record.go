// Package audit is the record of every request: who asked for what, what came of it, which
// policies decided and which systems were called, with both bodies masked.
//
// A record is journalled before the effect (Begin) and before the answer (End), one write each,
// so that a killed process loses none whose answer was sent. A loader moves the journal to
// PostgreSQL in batches, each record exactly once, and links the records of one journal into a hash
// chain, in the order of their ends:
//
//	hash = SHA-256(previous hash ‖ public fields ‖ SHA-256(salt ‖ personal fields))
//
// Personal fields can be erased with their salt, and whole days dropped: the chain still verifies.
// What a dead process left is loaded at the next start, requests without an end as interrupted.
// The chain has no key: it shows what was changed in place, while who may rewrite every table from
// the changed record on can only be caught by a copy of the anchors, which are logged each day.
package audit

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"math/rand/v2"
	"sync"
	"time"
)

// The kinds of records.
const (
	Request  = "request"  // at the public edge
	Hop      = "hop"      // of one layer to the next
	Security = "security" // a refusal or a change that security wants to know of
)

// Interrupted is the outcome of a request whose process died.
const Interrupted = "interrupted"

// PhoneKey is the key of the masked telephone number among a record's Keys; Query finds it.
const PhoneKey = "phone"

// Record is one request, hop or security event. Address, Detail, Keys and the bodies are personal:
// they can be erased. Texts longer than what an index takes, and bytes that are no text, are cut and
// replaced on their way to the database.
type Record struct {
	ID       string // opaque; the incident reference of errors
	Kind     string
	Started  time.Time
	Duration time.Duration

	Layer, API, Operation, Method string
	Client, System, Channel       string
	Correlation, Trace            string
	Status                        int
	Outcome, Code                 string // outcome: ok, client, quota, shed, server, interrupted
	Decisions                     []Decision

	Address           string // of the client, as the transport shows it
	Detail            string
	Keys              []KeyValue // key data, masked: phone, numOrder
	Request, Response []byte     // JSON, masked

	begun bool // Begin has journalled it

	mu           sync.Mutex
	dependencies []Dependency
}

// Decision is what a policy decided.
type Decision struct {
	Policy  string `json:"policy"`
	Verdict string `json:"verdict"` // refused, would_refuse, replayed, resumed, local_share, …
	Detail  string `json:"detail,omitempty"`
}

// Dependency is a call to a third-party system.
type Dependency struct {
	Target    string `json:"target"`
	Operation string `json:"operation"`
	Status    int    `json:"status"` // 0: no answer
	Error     string `json:"error,omitempty"`
	Micros    int64  `json:"micros"`
	Attempts  int    `json:"attempts"`
}

// KeyValue is one item of key data.
type KeyValue struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

// NewRecord begins a record of kind, now.
func NewRecord(kind string) *Record {
	var id [12]byte // unique, not secret
	binary.LittleEndian.PutUint64(id[:], rand.Uint64())
	binary.LittleEndian.PutUint32(id[8:], rand.Uint32())
	var text [2 * len(id)]byte
	hex.Encode(text[:], id[:])
	return &Record{ID: string(text[:]), Kind: kind, Started: time.Now()}
}

// AddDependency notes a call out. It may be called concurrently, and on no record.
func (r *Record) AddDependency(d Dependency) {
	if r == nil {
		return
	}
	r.mu.Lock()
	r.dependencies = append(r.dependencies, d)
	r.mu.Unlock()
}

type recordKey struct{}

// WithRecord returns a context in which calls out are noted in r.
func WithRecord(ctx context.Context, r *Record) context.Context {
	return context.WithValue(ctx, recordKey{}, r)
}

// RecordOf is the record that ctx carries, or nil.
func RecordOf(ctx context.Context) *Record {
	r, _ := ctx.Value(recordKey{}).(*Record)
	return r
}
