// Package idempotency keeps the first answer of a request under its key and gives it to every copy
// of the request: while the first runs, after it, after a restart, from every replica.
//
// A request claims its key before it has any effect and stores its answer before it is answered;
// each is one durable write, which requests in work at the same time share. The database holds
// neither keys nor bodies, only their MACs, and answers sealed; rows lie in a partition a day and
// go with it.
package idempotency

import (
	"embed"
	"errors"
	"net/http"
	"time"

	"puente/shared/database"
)

//go:embed sql/migrations/*.sql
var files embed.FS

// Migrations are the tables of the package.
var Migrations = database.Migrations{Schema: "idempotency", FS: database.Files(files)}

// Config is section idempotency.
type Config struct {
	// Retention is how long a key is remembered at least; default 24h. Keys go by the day, so that
	// one may live up to a day longer.
	Retention time.Duration `yaml:"retention"`
}

// Validate refuses a retention that is none.
func (c Config) Validate() error {
	if c.Retention < 0 {
		return errors.New("retention: must be positive")
	}
	return nil
}

// days is how many days before today are remembered.
func (c Config) days() int {
	const day = 24 * time.Hour
	if c.Retention == 0 {
		return 1
	}
	return int((c.Retention + day - 1) / day)
}

// Claim is a request that wants to act.
type Claim struct {
	Scope string // whose key it is, such as client|system|api|operation; the same key elsewhere is another
	Key   string

	// What makes two requests the same; nothing of it is stored but a MAC.
	Path string
	Body []byte

	// Deadline is when the request has ended, whatever became of it. Its distance from now counts,
	// by the clock of the database.
	Deadline time.Time
}

// Answer is what the first request was answered.
type Answer struct {
	Status int
	Header http.Header // of which Content-Type and Location are kept
	Body   []byte

	Refusal string // code of the refusal that the answer is; empty: a success
}

// State says what a claim met.
type State uint8

// The states. After Started and Resumed the caller holds the claim and ends it by Finish or Release,
// or leaves it to its deadline.
const (
	// Started: the key is new; go on.
	Started State = iota + 1
	// Resumed: a request with this key and body did not end before its deadline, because its process
	// died or could not store its answer. Of all who ask, one goes on. It may have acted: ask for
	// the outcome before acting again.
	Resumed
	// Replayed: Outcome.Answer is the answer.
	Replayed
	// Running: the first request is in work.
	Running
	// Reused: the key was used with another body.
	Reused
)

var stateNames = [...]string{Started: "started", Resumed: "resumed", Replayed: "replayed", Running: "running", Reused: "reused"}

// String is the state as a label.
func (s State) String() string { return stateNames[s] }

// Outcome is what Begin found.
type Outcome struct {
	State  State
	Answer *Answer // of Replayed
	Ticket Ticket  // of Started and Resumed
}

// Ticket is a claim held. Its zero value holds none.
type Ticket struct {
	key   [32]byte
	day   time.Time
	token [16]byte
}

// ErrTaken is Finish's error where the claim was no longer the caller's: its deadline had passed and
// another request took it over, or it was finished or released before.
var ErrTaken = errors.New("idempotency: the claim is no longer held")
