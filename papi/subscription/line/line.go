// Package line knows the lines that the hub deals with: their numbers, sealed, under an id that all else
// names them by; and what the operator's directory says of them.
package line

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	contract "puente/contracts/papi/subscription"
	"puente/contracts/sapi/subscriber"
	"puente/papi/subscription/catalogue"
	"puente/papi/subscription/sql"
	"puente/shared/database"
	"puente/shared/keyring"
	"puente/shared/problem"
)

// Book holds the numbers.
type Book struct {
	ring *keyring.Ring
	log  *slog.Logger
}

// NewBook makes the book of numbers that are sealed under ring.
func NewBook(ring *keyring.Ring, log *slog.Logger) *Book { return &Book{ring, log} }

func (b *Book) key(msisdn string) []byte {
	key := b.ring.MAC("subscription.lines", []byte(msisdn))
	return key[:]
}

func sealedFor(key []byte) string { return "subscription.lines/" + hex.EncodeToString(key) }

// Entry is how a number stands in table lines: under a keyed hash, sealed.
func (b *Book) Entry(msisdn string) (key, sealed []byte) {
	key = b.key(msisdn)
	return key, b.ring.Seal(sealedFor(key), []byte(msisdn))
}

// Find is the id of a number, or zero where it was never seen.
func (b *Book) Find(ctx context.Context, db sql.DBTX, msisdn string) (int64, error) {
	id, err := sql.New(db).FindLine(ctx, b.key(msisdn))
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, nil
	}
	if err != nil {
		return 0, database.Problem(fmt.Errorf("find line: %w", err))
	}
	return id, nil
}

// Enter is the id of a number, which gets one where it was never seen.
func (b *Book) Enter(ctx context.Context, db sql.DBTX, msisdn string) (int64, error) {
	key, sealed := b.Entry(msisdn)
	id, err := sql.New(db).FindWholeLine(ctx, key) // one that was erased is sealed anew: its number is there again
	if err == nil || !errors.Is(err, pgx.ErrNoRows) {
		return id, database.Problem(err)
	}
	id, err = sql.New(db).EnterLine(ctx, sql.EnterLineParams{Key: key, MSISDN: sealed})
	if err != nil {
		return 0, database.Problem(fmt.Errorf("enter line: %w", err))
	}
	return id, nil
}

// ErrErased says that a line's number is not there: it was erased, or cannot be read. Nobody can be charged, told or
// sent anything on its account.
var ErrErased = errors.New("the line's number is not there")

// Numbers are those of ids. Of a line that was erased there is none, nor of one whose number does not open
// under the key ring: that concerns it alone, and the log says so.
func (b *Book) Numbers(ctx context.Context, db sql.DBTX, ids ...int64) (map[int64]string, error) {
	rows, err := sql.New(db).Lines(ctx, ids)
	if err != nil {
		return nil, database.Problem(fmt.Errorf("read lines: %w", err))
	}
	numbers := make(map[int64]string, len(rows))
	for _, row := range rows {
		if len(row.MSISDN) == 0 {
			continue
		}
		plain, err := b.ring.Open(sealedFor(row.Key), row.MSISDN)
		if err != nil {
			b.log.ErrorContext(ctx, "line cannot be read", "line", row.ID, "error", err)
			continue
		}
		numbers[row.ID] = string(plain)
	}
	return numbers, nil
}

// Number is that of one line.
func (b *Book) Number(ctx context.Context, db sql.DBTX, id int64) (string, error) {
	numbers, err := b.Numbers(ctx, db, id)
	if err != nil {
		return "", err
	}
	msisdn, ok := numbers[id]
	if !ok {
		return "", fmt.Errorf("line %d: %w", id, ErrErased)
	}
	return msisdn, nil
}

// Parse is the MSISDN that a program of the partner's sent (specification §2).
func Parse(p *catalogue.Partner, sent string) (string, error) {
	if msisdn, ok := p.Country.Code.Parse(sent); ok {
		return msisdn, nil
	}
	return sandboxed(p, sent)
}

// ParseTyped is the MSISDN that a person typed on a page about what the partner sells.
func ParseTyped(p *catalogue.Partner, typed string) (string, error) {
	if msisdn, ok := p.Country.Code.ParseTyped(typed); ok {
		return msisdn, nil
	}
	return sandboxed(p, strings.TrimSpace(typed))
}

// sandboxed is a number that breaks the plan, where the partner may use it; as any other it may begin with + or 00.
func sandboxed(p *catalogue.Partner, sent string) (string, error) {
	bare, international := strings.CutPrefix(sent, "+")
	if !international {
		bare = strings.TrimPrefix(sent, "00")
	}
	if p.Environment == catalogue.Staging && slices.Contains(p.SandboxMSISDNs, bare) {
		return bare, nil
	}
	return "", &problem.Error{Kind: problem.Invalid, Code: contract.CodeMSISDNInvalid, Fields: []problem.Field{{Path: "msisdn", Rule: "must be a mobile number of the partner's country"}}}
}

// directory is the operator's.
type directory interface {
	Line(context.Context, subscriber.LineQuery) (subscriber.Line, error)
}

// Directory tells what a line is. Whoever cannot be looked up is not let through: it fails closed.
type Directory struct{ lines directory }

// NewDirectory asks lines.
func NewDirectory(lines directory) *Directory { return &Directory{lines} }

// Look finds an own, living line.
func (d *Directory) Look(ctx context.Context, msisdn string) (subscriber.Line, error) {
	found, err := d.lines.Line(ctx, subscriber.LineQuery{MSISDN: msisdn})
	switch {
	case errors.Is(err, problem.NotFound):
		return found, refuse(problem.Invalid, contract.CodeMSISDNUnknown, err)
	case err != nil:
		return found, fmt.Errorf("look line up: %w", err)
	case !found.Own || found.State == subscriber.StatePortedOut:
		return found, refuse(problem.Invalid, contract.CodeOtherOperator, nil)
	case found.State != subscriber.StateActive:
		return found, refuse(problem.Invalid, contract.CodeMSISDNUnknown, nil)
	}
	return found, nil
}

// Admit finds a line that the product may be sold to, or charged.
func (d *Directory) Admit(ctx context.Context, msisdn string, p *catalogue.Product) (subscriber.Line, error) {
	found, err := d.Look(ctx, msisdn)
	switch {
	case err != nil:
		return found, err
	case found.ContentBarred:
		return found, refuse(problem.Conflict, contract.CodeLineBarred, nil)
	case !slices.Contains(p.Segments, string(found.Segment)) || !slices.Contains(p.Accesses, string(found.Access)):
		return found, refuse(problem.Conflict, contract.CodeNotEligible, nil)
	}
	return found, nil
}

func refuse(kind problem.Kind, code string, err error) error {
	return &problem.Error{Kind: kind, Code: code, Err: err}
}
