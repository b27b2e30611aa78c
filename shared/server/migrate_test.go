package server

import "testing"

// A platform that serves while it is migrated prunes some tables, and must lose no row of others.
func TestRowsThatLast(t *testing.T) {
	layers := []Layer{{Name: "sapi", APIs: []API{{Lasting: []string{"post.letters"}}}}}
	for table, want := range map[string]bool{
		"access.clients": true, "keyring.keys": true, "post.letters": true,
		"post.requests": false, "outbox.events": false, "audit.records": false, "idempotency.answers": false, "jobs.river_job": false,
	} {
		if lasting(table, layers) != want {
			t.Errorf("%s: %v", table, !want)
		}
	}
}
