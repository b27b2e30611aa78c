package database_test

import (
	"reflect"
	"testing"

	"puente/shared/database/databasetest"
)

// Arrays of bytea arrive as pgx itself would send them: empty and null are two things.
func TestArraysOfBytes(t *testing.T) {
	db := databasetest.New(t)
	for name, sent := range map[string][][]byte{
		"several": {{1, 2}, {}, nil, {0xff}},
		"one":     {[]byte("a longer one, with \x00 and \\ in it")},
		"none":    {},
		"null":    nil,
	} {
		t.Run(name, func(t *testing.T) {
			var got [][]byte
			var text *string
			if err := db.QueryRow(t.Context(), "select $1::bytea[], $1::bytea[]::text", sent).Scan(&got, &text); err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, sent) {
				t.Errorf("sent %v, got %v (%v)", sent, got, text)
			}
		})
	}
}
