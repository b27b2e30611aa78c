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
	err := checked(t, `
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
`)
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

// checked is what Check says of a configuration.
func checked(t *testing.T, text string, layers ...Layer) error {
	t.Helper()
	file := filepath.Join(t.TempDir(), "puente.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	tree, err := config.Load(file, nil)
	if err != nil {
		t.Fatal(err)
	}
	return Check(Config{Tree: tree}, layers...)
}

// alone lets a process without layers be configured.
const alone = "layers: {serviceKey: MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=}\n"

// Keys that cannot be used are refused before anything is opened, and not shown.
func TestKeysAreChecked(t *testing.T) {
	const secret, other = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=", "layers: {serviceKey: MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=, "
	for text, want := range map[string]string{
		alone + "keys: {ring: [{id: a, secret: " + secret + "}], active: a}":                  "",
		alone + "keys: {ring: [{id: a, secret: short}], active: a}":                           "ring[0].secret",
		alone + "keys: {ring: [{id: a, secret: " + secret + "}], active: b}":                  "keys: keyring: active",
		alone + "keys: {active: a}":                                                           "keys: keyring: active",
		other + "jwe: [{id: a, algorithm: dir, secret: " + secret + "}], jweActive: a}":       "",
		other + "acceptedServiceKeys: [YW5vdGhlciBzZXJ2aWNlIGtleSBvZiAzMiBieXRlcyE=]}":        "",
		other + "acceptedServiceKeys: [" + secret + "]}":                                      "layers.acceptedServiceKeys.0: is a key already",
		other + "acceptedServiceKeys: [" + secret + ", c2hvcnQ=]}":                            "layers.acceptedServiceKeys.1",
		other + "jwe: [{id: a, algorithm: dir, secret: short}], jweActive: a}":                "layers.jwe[0].secret",
		other + "jwe: [{id: a, algorithm: rot13, secret: " + secret + "}], jweActive: a}":     "layers.jwe[0].algorithm",
		other + "jwe: [{id: a, algorithm: dir, secret: " + secret + "}], jweActive: nothing}": "layers.jweActive",
	} {
		err := checked(t, text+"\n")
		if (err == nil) != (want == "") || err != nil && (!strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "short")) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}

// A proxy in front of the channels stands in front of nobody else.
func TestPlainHTTPOffLoopback(t *testing.T) {
	const trusted = "policies: {trustedProxies: [10.0.0.0/8]}\n"
	for text, want := range map[string]string{
		"public: {addr: '0.0.0.0:8080'}":                     "public.addr: off loopback",
		trusted + "public: {addr: '0.0.0.0:8080'}":           "",
		"internal: {addr: '0.0.0.0:8081'}":                   "",
		"ops: {addr: '0.0.0.0:9090'}":                        "ops.addr: off loopback",
		trusted + "ops: {addr: '0.0.0.0:9090'}":              "ops.addr: off loopback",
		"ops: {addr: '127.0.0.1:9090'}":                      "",
		"callbacks: {addr: '0.0.0.0:8082'}":                  "callbacks.addr: off loopback",
		"callbacks: {addr: '0.0.0.0:8082', plain: true}":     "",
		trusted + "callbacks: {addr: '0.0.0.0:8082'}":        "",
		"callbacks: {addr: ':8082', certificate: a, key: b}": "",
		"callbacks: {addr: ':8082', key: b, plain: true}":    "callbacks.certificate: certificate and key belong together",
		"ops: {addr: ':9090', certificate: a}":               "ops.certificate: certificate and key belong together",
		"ops: {addr: ':9090', certificate: a, key: b}":       "",
	} {
		if err := checked(t, alone+text+"\n"); (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", text, err, want)
		}
	}
}
