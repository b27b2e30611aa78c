package reconnection

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"puente/shared/database/databasetest"
)

var statement = regexp.MustCompile("(?s)const \\w+ = `-- name: (\\w+) :\\w+\n(.*?)`")

// A connection keeps the plans that it made while the tables were empty until they are analyzed: those
// use the indexes, too. Statements are read from what sqlc made of them.
func TestPlansOnEmptyTablesUseIndexes(t *testing.T) {
	db := databasetest.New(t, API.Migrations...)
	files, err := filepath.Glob("sql/*.sql.go")
	if err != nil {
		t.Fatal(err)
	}
	conn, err := db.Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Release()
	if _, err := conn.Exec(t.Context(), "SET plan_cache_mode = force_generic_plan"); err != nil {
		t.Fatal(err)
	}
	seen := 0
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, found := range statement.FindAllStringSubmatch(string(text), -1) {
			seen++
			plan := explain(t, conn.Conn(), found[1], found[2])
			for line := range strings.Lines(plan) {
				if strings.Contains(line, "Seq Scan on") {
					t.Errorf("%s:\n%s", found[1], plan)
					break
				}
			}
		}
	}
	if seen < 15 {
		t.Errorf("only %d statements were found", seen)
	}
}

// explain is the plan of a prepared statement that does not look at its arguments.
func explain(t *testing.T, conn *pgx.Conn, name, text string) string {
	t.Helper()
	ctx := context.Background()
	if _, err := conn.Exec(ctx, fmt.Sprintf("PREPARE %s AS %s", name, text)); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	var arguments int
	if err := conn.QueryRow(ctx, "SELECT cardinality(parameter_types) FROM pg_prepared_statements WHERE name = lower($1)", name).Scan(&arguments); err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	call := name
	if arguments > 0 {
		call += "(" + strings.TrimSuffix(strings.Repeat("NULL, ", arguments), ", ") + ")"
	}
	rows, err := conn.Query(ctx, "EXPLAIN EXECUTE "+call, pgx.QueryExecModeSimpleProtocol)
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	return strings.Join(lines, "\n")
}
