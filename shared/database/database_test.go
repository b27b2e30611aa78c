package database_test

import (
	"context"
	"testing"

	"puente/shared/database/databasetest"
)

func TestSmoke(t *testing.T) {
	db := databasetest.New(t)
	if err := db.Healthy(context.Background()); err != nil {
		t.Fatal(err)
	}
}
