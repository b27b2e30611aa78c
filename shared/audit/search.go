package audit

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"puente/shared/database"
)

// Query says which records are wanted; its zero members do not restrict.
type Query struct {
	Correlation, Client, Code string
	From, Until               time.Time
	Limit                     int // default 100
}

// Row is a record as operators see it. Personal members are absent once erased.
type Row struct {
	ID           string          `json:"id"`
	Kind         string          `json:"kind"`
	Started      time.Time       `json:"started"`
	Millis       float64         `json:"millis"`
	Layer        string          `json:"layer"`
	API          string          `json:"api"`
	Operation    string          `json:"operation"`
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
}

// selected are the columns of a record, as scanLinked reads them.
const selected = `day, instance, sequence, id, kind, started, micros, layer, api, operation, method, client, system, channel,
	correlation, trace, status, outcome, code, decisions, dependencies, salt,
	coalesce(address, ''), coalesce(detail, ''), coalesce(keys, ''), coalesce(request, ''), coalesce(response, ''), personal_hash, hash`

// scanLinked reads one row of selected, but for its instance, which the caller asked for.
func scanLinked(row pgx.CollectableRow) (l linked, err error) {
	_, l, err = scanRow(row)
	return l, err
}

func scanRow(row pgx.CollectableRow) (instance string, l linked, err error) {
	err = row.Scan(&l.day, &instance, &l.sequence, &l.id, &l.kind, &l.started, &l.micros, &l.layer, &l.api, &l.operation, &l.method,
		&l.client, &l.system, &l.channel, &l.correlation, &l.trace, &l.status, &l.outcome, &l.code, &l.decisions, &l.dependencies,
		&l.salt, &l.address, &l.detail, &l.keys, &l.request, &l.response, &l.personalHash, &l.hash)
	l.started = l.started.UTC()
	return instance, l, err
}

// Search finds records, oldest first.
func Search(ctx context.Context, db *database.DB, q Query) ([]Row, error) {
	var where []string
	var args []any
	add := func(condition string, arg any) {
		args = append(args, arg)
		where = append(where, fmt.Sprintf(condition, len(args)))
	}
	if q.Correlation != "" {
		add("correlation = $%d", q.Correlation)
	}
	if q.Client != "" {
		add("client = $%d", q.Client)
	}
	if q.Code != "" {
		add("code = $%d", q.Code)
	}
	if !q.From.IsZero() {
		add("started >= $%d", q.From)
	}
	if !q.Until.IsZero() {
		add("started < $%d", q.Until)
	}
	sql := "SELECT " + selected + " FROM audit.records"
	if len(where) > 0 {
		sql += " WHERE " + strings.Join(where, " AND ")
	}
	if q.Limit <= 0 {
		q.Limit = 100
	}
	rows, err := db.Query(ctx, sql+fmt.Sprintf(" ORDER BY started, layer DESC LIMIT %d", q.Limit), args...)
	if err != nil {
		return nil, fmt.Errorf("audit: search: %w", database.Problem(err))
	}
	found, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (Row, error) {
		instance, l, err := scanRow(row)
		return l.shown(instance), err
	})
	if err != nil {
		return nil, fmt.Errorf("audit: search: %w", database.Problem(err))
	}
	return found, nil
}

func (l *linked) shown(instance string) Row {
	return Row{
		ID: l.id, Kind: l.kind, Started: l.started, Millis: float64(l.micros) / 1000, Layer: l.layer, API: l.api, Operation: l.operation,
		Client: l.client, System: l.system, Channel: l.channel, Address: l.address, Correlation: l.correlation, Trace: l.trace,
		Status: int(l.status), Outcome: l.outcome, Code: l.code, Detail: l.detail, Keys: raw(l.keys), Decisions: raw(l.decisions),
		Dependencies: raw(l.dependencies), Request: raw(l.request), Response: raw(l.response), Instance: instance, Sequence: l.sequence,
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
	quoted, err := json.Marshal(text)
	if err != nil { // a string: cannot happen
		panic(err)
	}
	return quoted
}

// Erase removes the personal fields of the records of a correlation ID, and their salt, so that
// nothing can be learned from the hash that stays. The chain verifies as before.
func Erase(ctx context.Context, db *database.DB, correlation string) (records int64, err error) {
	tag, err := db.Exec(ctx, `UPDATE audit.records SET salt = NULL, address = NULL, detail = NULL, keys = NULL, request = NULL, response = NULL
		WHERE correlation = $1`, correlation)
	if err != nil {
		return 0, fmt.Errorf("audit: erase: %w", database.Problem(err))
	}
	return tag.RowsAffected(), nil
}
