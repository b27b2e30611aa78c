package audit

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"puente/shared/database"
)

// Query says which records are wanted; its zero members do not restrict.
type Query struct {
	Correlation, Client, Code string
	Phone                     string // masked, as the records have it
	Kind                      string
	From, Until               time.Time // when the request started: From ≤ started < Until
	Limit                     int       // default 100
}

const defaultLimit = 100

// Row is a record as operators see it. Personal members are absent once erased.
type Row struct {
	ID           string          `json:"id"`
	Kind         string          `json:"kind"`
	Started      time.Time       `json:"started"`
	Millis       float64         `json:"millis"`
	Layer        string          `json:"layer"`
	API          string          `json:"api"`
	Operation    string          `json:"operation"`
	Method       string          `json:"method,omitempty"`
	Client       string          `json:"client,omitempty"`
	System       string          `json:"system,omitempty"`
	Channel      string          `json:"channel,omitempty"`
	Address      string          `json:"address,omitempty"`
	Correlation  string          `json:"correlation"`
	Trace        string          `json:"trace,omitempty"`
	Status       int             `json:"status"`
	Outcome      string          `json:"outcome"`
	Code         string          `json:"code,omitempty"`
	Detail       string          `json:"detail,omitempty"`
	Keys         json.RawMessage `json:"keys,omitempty"`
	Decisions    json.RawMessage `json:"decisions,omitempty"`
	Dependencies json.RawMessage `json:"dependencies,omitempty"`
	Request      json.RawMessage `json:"request,omitempty"`
	Response     json.RawMessage `json:"response,omitempty"`
	Instance     string          `json:"instance"`
	Sequence     int64           `json:"sequence"`
	Erased       *time.Time      `json:"erased,omitempty"`
}

// Show is everything that is known of a correlation ID, of all layers and processes, oldest first.
func Show(ctx context.Context, db *database.DB, correlation string) ([]Row, error) {
	return Search(ctx, db, Query{Correlation: correlation, Limit: 10000})
}

// Search finds the newest records that q asks for, and returns them oldest first; of those that
// started at once, the outer layer's first.
func Search(ctx context.Context, db *database.DB, q Query) ([]Row, error) {
	where, args := q.where()
	if q.Limit <= 0 {
		q.Limit = defaultLimit
	}
	rows, err := db.Query(ctx, fmt.Sprintf("select %s from audit.records where %s order by started desc, layer, instance, sequence desc limit %d",
		selected, where, q.Limit), args...)
	if err != nil {
		return nil, fmt.Errorf("audit: search: %w", database.Problem(err))
	}
	found, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (Row, error) {
		l, err := scan(row)
		return l.shown(), err
	})
	if err != nil {
		return nil, fmt.Errorf("audit: search: %w", database.Problem(err))
	}
	slices.Reverse(found)
	return found, nil
}

// where is q as a condition. A record is never on a day before the one on which it started, give or
// take a clock: older partitions are not read.
func (q Query) where() (condition string, args []any) {
	conditions := []string{"true"}
	add := func(condition string, arg any) {
		args = append(args, arg)
		conditions = append(conditions, fmt.Sprintf(condition, len(args)))
	}
	for _, c := range []struct{ column, value string }{
		{"correlation", q.Correlation}, {"client", q.Client}, {"code", q.Code}, {"phone", q.Phone}, {"kind", q.Kind},
	} {
		if c.value != "" {
			add(c.column+" = $%d", short(textual(c.value)))
		}
	}
	if !q.From.IsZero() {
		add("started >= $%d", q.From)
		add("day >= $%d", q.From.UTC().AddDate(0, 0, -1))
	}
	if !q.Until.IsZero() {
		add("started < $%d", q.Until)
	}
	return strings.Join(conditions, " and "), args
}

// selected are the columns that scan reads.
var selected = func() string {
	list := slices.Concat(columns, []string{"erased"})
	for i, column := range list {
		switch column {
		case "address", "detail", "keys", "request", "response": // null once erased
			list[i] = "coalesce(" + column + ", '')"
		}
	}
	return strings.Join(list, ", ")
}()

func scan(row pgx.CollectableRow) (l linked, err error) {
	err = row.Scan(&l.day, &l.instance, &l.sequence, &l.id, &l.kind, &l.started, &l.micros, &l.layer, &l.api, &l.operation, &l.method,
		&l.client, &l.system, &l.channel, &l.correlation, &l.trace, &l.status, &l.outcome, &l.code, &l.decisions, &l.dependencies,
		&l.salt, &l.address, &l.detail, &l.keys, &l.indexed, &l.request, &l.response, &l.personalHash, &l.previous, &l.hash, &l.erased)
	l.started = l.started.UTC()
	return l, err
}

func (l *linked) shown() Row {
	return Row{
		ID: l.id, Kind: l.kind, Started: l.started, Millis: float64(l.micros) / 1000,
		Layer: l.layer, API: l.api, Operation: l.operation, Method: l.method,
		Client: l.client, System: l.system, Channel: l.channel, Address: l.address, Correlation: l.correlation, Trace: l.trace,
		Status: int(l.status), Outcome: l.outcome, Code: l.code, Detail: l.detail,
		Keys: raw(l.keys), Decisions: raw(l.decisions), Dependencies: raw(l.dependencies), Request: raw(l.request), Response: raw(l.response),
		Instance: l.instance, Sequence: l.sequence, Erased: l.erased,
	}
}

// raw is text as JSON: as it is, or as a string where it is none.
func raw(text string) json.RawMessage {
	if text == "" {
		return nil
	}
	if json.Valid([]byte(text)) {
		return json.RawMessage(text)
	}
	return quoted(nil, text)
}

// Erase removes the personal fields of the records that q finds, all of them whatever its Limit, and
// their salts, so that nothing can be learned from the hashes that stay; the chain verifies as
// before. q names a correlation ID or a masked telephone number, which others with the same last
// digits share: their records lose the same. What is still in a journal is not found: Flush first.
// Who erases records a security event.
func Erase(ctx context.Context, db *database.DB, q Query) (records int64, err error) {
	if q.Correlation == "" && q.Phone == "" {
		return 0, errors.New("audit: erase: neither correlation nor phone is named")
	}
	where, args := q.where()
	tag, err := db.Exec(ctx, `update audit.records
		set salt = null, address = null, detail = null, keys = null, phone = null, request = null, response = null, erased = now()
		where erased is null and `+where, args...)
	if err != nil {
		return 0, fmt.Errorf("audit: erase: %w", database.Problem(err))
	}
	return tag.RowsAffected(), nil
}
