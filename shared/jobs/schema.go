package jobs

import (
	"embed"
	"fmt"
	"io/fs"
	"log/slog"
	"strings"
	"testing/fstest" // its MapFS is the standard library's file system in memory

	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"

	"puente/shared/database"
)

// schema is where River's tables are.
const schema = "river"

//go:embed sql/migrations/*.sql
var files embed.FS

// Migrations are those of River's schema, as rivermigrate gives them, and of ours. They go through
// the same lock and version table as every other schema's; River provides for that and then wants
// its version 001, the table of its own migrator, left out.
var Migrations = []database.Migrations{
	{Schema: schema, FS: riverMigrations()},
	{Schema: "jobs", FS: ours()},
}

func ours() fs.FS {
	sub, err := fs.Sub(files, "sql/migrations")
	if err != nil { // the directory is embedded above: cannot happen
		panic(err)
	}
	return sub
}

// riverMigrations writes River's migrations as goose files whose statements name the schema.
func riverMigrations() fs.FS {
	migrator, err := rivermigrate.New(riverpgxv5.New(nil), &rivermigrate.Config{Logger: slog.New(slog.DiscardHandler)})
	if err != nil { // the line is River's default: cannot happen
		panic(err)
	}
	all := fstest.MapFS{}
	for _, m := range migrator.AllVersions() {
		if m.Version == 1 {
			continue
		}
		up := strings.ReplaceAll(m.SQLUp, "/* TEMPLATE: schema */", schema+".")
		all[fmt.Sprintf("%05d_river.sql", m.Version)] = &fstest.MapFile{
			Data: []byte("-- +goose Up\n-- +goose StatementBegin\n" + up + "\n-- +goose StatementEnd\n"),
		}
	}
	return all
}
