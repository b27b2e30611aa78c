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

// Migrations are those that rivermigrate gives and ours. They go through the same lock and version
// table as every other schema's; River provides for that and then wants its version 001, the table of
// its own migrator, left out. River's version 8 is 800 here, which leaves numbers for ours between.
var Migrations = database.Migrations{Schema: schema, FS: migrations()}

// migrations writes River's migrations as goose files whose statements name the schema.
func migrations() fs.FS {
	migrator, err := rivermigrate.New(riverpgxv5.New(nil), &rivermigrate.Config{Logger: slog.New(slog.DiscardHandler)})
	if err != nil { // the line is River's default: cannot happen
		panic(err)
	}
	all := fstest.MapFS{}
	const ours = "00801_processes.sql"
	data, err := files.ReadFile("sql/migrations/" + ours)
	if err != nil { // it is embedded above: cannot happen
		panic(err)
	}
	all[ours] = &fstest.MapFile{Data: data}
	for _, m := range migrator.AllVersions() {
		if m.Version == 1 {
			continue
		}
		up := strings.ReplaceAll(m.SQLUp, "/* TEMPLATE: schema */", schema+".")
		all[fmt.Sprintf("%05d_river.sql", 100*m.Version)] = &fstest.MapFile{
			Data: []byte("-- +goose Up\n-- +goose StatementBegin\n" + up + "\n-- +goose StatementEnd\n"),
		}
	}
	return all
}
