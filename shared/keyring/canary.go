package keyring

import (
	"context"
	"crypto/hmac"
	"embed"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/jackc/pgx/v5"

	"puente/shared/database"
)

//go:embed sql/migrations/*.sql
var files embed.FS

// Migrations are those of schema keyring.
var Migrations = database.Migrations{Schema: "keyring", FS: database.Files(files)}

// ErrWrongRing says that the database was sealed under other keys.
var ErrWrongRing = errors.New("keyring: the database holds values sealed under other keys; start with the ring that sealed them")

const canaryContext = "keyring.canary"

// Verify proves, before anything is written under a wrong ring, that this is the one that sealed
// what the database holds: its first key makes the stored keyed hash, and each of its keys opens
// what the key of that ID once sealed. The first ring that comes leaves the proof, and so does each
// key that is added. A key that the ring lacks is not missed here: during a rotation some
// processes know one key more than others.
func (r *Ring) Verify(ctx context.Context, db *database.DB) error {
	mac := r.MAC(canaryContext)
	err := pgx.BeginFunc(ctx, db, func(tx pgx.Tx) error { // a wrong ring leaves nothing
		if err := r.verifyFirst(ctx, tx, mac[:]); err != nil {
			return err
		}
		for _, id := range slices.Sorted(maps.Keys(r.sealer)) {
			if err := r.verifyKey(ctx, tx, id, mac[:]); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil && !errors.Is(err, ErrWrongRing) {
		return fmt.Errorf("keyring: verify: %w", err)
	}
	return err
}

func (r *Ring) verifyFirst(ctx context.Context, tx pgx.Tx, mac []byte) error {
	var stored []byte
	if _, err := tx.Exec(ctx, "INSERT INTO keyring.canary (single, mac) VALUES (true, $1) ON CONFLICT DO NOTHING", mac); err != nil {
		return err
	}
	if err := tx.QueryRow(ctx, "SELECT mac FROM keyring.canary").Scan(&stored); err != nil {
		return err
	}
	if !hmac.Equal(stored, mac) {
		return fmt.Errorf("%w: its first key is not the first key of then", ErrWrongRing)
	}
	return nil
}

func (r *Ring) verifyKey(ctx context.Context, tx pgx.Tx, id string, mac []byte) error {
	var stored []byte
	if _, err := tx.Exec(ctx, "INSERT INTO keyring.keys (id, sealed) VALUES ($1, $2) ON CONFLICT DO NOTHING", id, r.seal(id, canaryContext, mac)); err != nil {
		return err
	}
	if err := tx.QueryRow(ctx, "SELECT sealed FROM keyring.keys WHERE id = $1", id).Scan(&stored); err != nil {
		return err
	}
	if plain, err := r.Open(canaryContext, stored); err != nil || !hmac.Equal(plain, mac) {
		return fmt.Errorf("%w: key %q is not the key of that id of then", ErrWrongRing, id)
	}
	return nil
}
