package keyring

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io/fs"

	"github.com/jackc/pgx/v5"

	"puente/shared/database"
)

//go:embed sql/migrations/*.sql
var files embed.FS

// Migrations are those of schema keyring.
var Migrations = database.Migrations{Schema: "keyring", FS: migrations()}

func migrations() fs.FS {
	sub, err := fs.Sub(files, "sql/migrations")
	if err != nil { // a constant path
		panic(err)
	}
	return sub
}

// ErrWrongRing says that the database was sealed under other keys.
var ErrWrongRing = errors.New("keyring: the database holds values sealed under other keys; start with the ring that sealed them")

const canaryContext = "keyring.canary"

// Verify proves that the ring is the one that sealed what the database holds, before anything is
// written under a wrong one. The first ring that comes leaves the proof.
func (r *Ring) Verify(ctx context.Context, db *database.DB) error {
	mac := r.MAC(canaryContext)
	_, err := db.Exec(ctx, "INSERT INTO keyring.canary (single, sealed, mac) VALUES (true, $1, $2) ON CONFLICT DO NOTHING", r.Seal(canaryContext, mac[:]), mac[:])
	if err != nil {
		return fmt.Errorf("keyring: %w", err)
	}
	var sealed, stored []byte
	err = db.QueryRow(ctx, "SELECT sealed, mac FROM keyring.canary").Scan(&sealed, &stored)
	if errors.Is(err, pgx.ErrNoRows) {
		return fmt.Errorf("keyring: no canary: %w", err)
	}
	if err != nil {
		return fmt.Errorf("keyring: %w", err)
	}
	if plain, err := r.Open(canaryContext, sealed); err != nil || string(plain) != string(stored) || string(stored) != string(mac[:]) {
		return ErrWrongRing
	}
	return nil
}
