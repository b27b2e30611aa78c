package server

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"puente/shared/config"
)

// Every section of the process is checked when it is read, and each message names its key: a rule
// that is not in force because nobody looked at it would be worse than none.
func TestEverySectionIsChecked(t *testing.T) {
	file := filepath.Join(t.TempDir(), "puente.yaml")
	text := `
database: {maxConnections: -1}
limiter: {replicas: -1}
shed: {watermark: 2}
jobs: {workers: -1}
journal: {maxSegments: 1}
audit: {retention: -1s}
idempotency: {retention: -1s}
admin: {tokens: {a: {secret: short, role: admin}}}
trace: {ratio: 2}
policies: {deny: [nowhere], token: {method: guess}}
log: {level: loud}
drain: {delay: -1s}
`
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	tree, err := config.Load(file, nil)
	if err != nil {
		t.Fatal(err)
	}
	err = Check(Config{Tree: tree})
	if err == nil {
		t.Fatal("accepted")
	}
	for _, key := range []string{
		"database.maxConnections", "limiter.replicas", "shed.watermark", "jobs.workers", "journal.maxSegments", "audit.retention",
		"idempotency.retention", "admin.tokens.a.secret", "trace.ratio", "policies.deny[0]", "policies.token.method", "log.level", "drain",
	} {
		if !strings.Contains(err.Error(), key) {
			t.Errorf("%s is not named in\n%v", key, err)
		}
	}
	if strings.Contains(err.Error(), "short") {
		t.Errorf("a secret is shown: %v", err)
	}
}
