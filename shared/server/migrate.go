package server

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"puente/shared/access"
	"puente/shared/clock"
	"puente/shared/database"
	"puente/shared/keyring"
	"puente/shared/typology"
)

// connecting is how long a migration waits for a connection: no request does.
const connecting = 5 * time.Second

// Migrate brings every schema of layers to this version, whichever layers the configuration is for.
// It counts the rows of every table and validates every constraint before and after, and reports a
// line for each table that changed in number. A constraint that does not hold is an error, and so
// are rows that vanish from where a serving platform does not prune.
func Migrate(ctx context.Context, cfg Config, layers ...Layer) (report []string, err error) {
	h, err := read(cfg, layers)
	if err != nil {
		return nil, err
	}
	for _, layer := range layers { // its APIs' sections are read by who hosts them
		cfg.Tree.Skip(layer.Name)
	}
	if err := cfg.Tree.Unclaimed(); err != nil {
		return nil, err
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	h.settings.Database.ConnectTimeout = cmp.Or(h.settings.Database.ConnectTimeout, connecting)
	db, err := database.Open(ctx, h.settings.Database, h.settings.dataDir(), log, prometheus.NewRegistry())
	if err != nil {
		return nil, err
	}
	defer db.Close()
	all := migrations(layers)
	before, err := census(ctx, db, all)
	if err != nil {
		return nil, err
	}
	if err := db.Migrate(ctx, all); err != nil {
		return nil, err
	}
	if err := typology.Seed(ctx, db, declared(layers)); err != nil {
		return nil, err
	}
	after, err := census(ctx, db, all)
	if err != nil {
		return nil, err
	}
	var errs []error
	for _, table := range slices.Sorted(tablesOf(after, before)) {
		was, is := before[table], after[table]
		if was != is {
			report = append(report, fmt.Sprintf("%s: %d rows, were %d", table, is, was))
		}
		if is < was && lasting(table, layers) {
			errs = append(errs, fmt.Errorf("%s lost %d rows", table, was-is))
		}
	}
	report = append(report, fmt.Sprintf("%d schemas, %d tables", len(all), len(after)))
	return report, errors.Join(errs...)
}

// lasting reports whether the rows of a table are there to stay.
func lasting(table string, layers []Layer) bool {
	schema, _, _ := strings.Cut(table, ".")
	if slices.Contains([]string{access.Migrations.Schema, typology.Migrations.Schema, clock.Migrations.Schema, keyring.Migrations.Schema}, schema) {
		return true
	}
	return slices.ContainsFunc(layers, func(l Layer) bool {
		return slices.ContainsFunc(l.APIs, func(a API) bool { return slices.Contains(a.Lasting, table) })
	})
}

func tablesOf(sets ...map[string]int64) func(yield func(string) bool) {
	seen := make(map[string]bool)
	return func(yield func(string) bool) {
		for _, set := range sets {
			for name := range set {
				if !seen[name] && !yield(name) {
					return
				}
				seen[name] = true
			}
		}
	}
}

// census counts the rows of every table of the schemas, and refuses a constraint that is not
// validated. Tables that only migrations and jobs keep are not counted.
func census(ctx context.Context, db *database.DB, all []database.Migrations) (map[string]int64, error) {
	schemas := make([]string, len(all))
	for i, m := range all {
		schemas[i] = m.Schema
	}
	rows, err := db.Query(ctx, `
		SELECT format('%I.%I', n.nspname, c.relname),
		       (xpath('/row/c/text()', query_to_xml(format('SELECT count(*) AS c FROM %I.%I', n.nspname, c.relname), false, true, '')))[1]::text::bigint,
		       (SELECT count(*) FROM pg_constraint k WHERE k.conrelid = c.oid AND NOT k.convalidated)
		FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
		WHERE n.nspname = ANY ($1) AND c.relkind IN ('r', 'p') AND NOT c.relispartition
		  AND c.relname <> 'goose_db_version'`, schemas)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	counts := make(map[string]int64)
	for rows.Next() {
		var table string
		var count, unvalidated int64
		if err := rows.Scan(&table, &count, &unvalidated); err != nil {
			return nil, err
		}
		if unvalidated > 0 {
			return nil, fmt.Errorf("%s: %d constraints are not validated", table, unvalidated)
		}
		counts[table] = count
	}
	return counts, rows.Err()
}
