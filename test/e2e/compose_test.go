package e2e

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"gopkg.in/yaml.v3"

	"puente/shared/database/databasetest"
	"puente/test/machine"
)

// composed is deploy/docker/puente.yaml with its secrets as secrets.sh makes them, in a directory of the test's.
func composed(t *testing.T) (file, secrets string) {
	t.Helper()
	secrets = filepath.Join(t.TempDir(), "secrets")
	if out, err := exec.CommandContext(t.Context(), "../../deploy/docker/secrets.sh", secrets).CombinedOutput(); err != nil {
		t.Fatalf("secrets.sh: %v\n%s", err, out)
	}
	text, err := os.ReadFile("../../deploy/docker/puente.yaml")
	if err != nil {
		t.Fatal(err)
	}
	return written(t, strings.ReplaceAll(string(text), "/run/secrets", secrets)), secrets
}

// The configuration of one host passes the program's check with the secrets that its script makes, alone and with the
// sandbox in the place of all systems.
func TestComposeConfiguration(t *testing.T) {
	t.Parallel()
	if !machine.Has(t, "openssl", "openssl") { // makes the secrets
		return
	}
	file, secrets := composed(t)
	if code, text := says(t, "check", "--config", file); code != 0 {
		t.Errorf("%d %s", code, text)
	}
	var over struct {
		Services struct {
			Puente struct{ Environment map[string]string }
		}
	}
	text, err := os.ReadFile("../../deploy/docker/compose.sandbox.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.Unmarshal(text, &over); err != nil || len(over.Services.Puente.Environment) < 10 {
		t.Fatalf("%v: %v", over, err)
	}
	cmd := command("check", "--config", file)
	cmd.Env = append(cmd.Env, "PUENTE_CLI_URL=https://127.0.0.1:9090")
	for name, value := range over.Services.Puente.Environment {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("with the sandbox: %v %s", err, out)
	}
	if out, err := exec.CommandContext(t.Context(), binary, "sandbox", "--clients-file", secrets+"/ops.crt").CombinedOutput(); err == nil || strings.Contains(string(out), "BEGIN") {
		t.Errorf("a file that holds no clients: %v %s", err, out)
	}
}

// The role that the first start of PostgreSQL makes is no superuser; the database is its own, nobody else's, and it can
// bring it up to date.
func TestComposeDatabase(t *testing.T) {
	t.Parallel()
	if !machine.Has(t, "psql", "psql") {
		return
	}
	server := databasetest.New(t).Config().ConnConfig
	script, err := os.ReadFile("../../deploy/docker/database.sh")
	if err != nil {
		t.Fatal(err)
	}
	name := "compose_" + strings.ToLower(rand.Text()[:10]) // roles are the whole server's
	password := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(password, []byte("it's-a-secret\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	text := strings.NewReplacer("/run/secrets/database-password", password, "ROLE puente", "ROLE "+name, "DATABASE puente OWNER puente", "DATABASE "+name+" OWNER "+name, "ON DATABASE puente", "ON DATABASE "+name).Replace(string(script))
	cmd := exec.CommandContext(t.Context(), "sh", "-c", text)
	cmd.Env = append(os.Environ(), "PGHOST="+server.Host, fmt.Sprintf("PGPORT=%d", server.Port), "PGUSER="+server.User, "PGPASSWORD="+server.Password)
	t.Cleanup(func() {
		conn, err := pgx.ConnectConfig(context.Background(), server)
		if err != nil {
			return // the server has gone, and what it had with it
		}
		defer conn.Close(context.Background())
		for _, statement := range []string{"DROP DATABASE IF EXISTS " + name + " WITH (FORCE)", "DROP ROLE IF EXISTS " + name} {
			if _, err := conn.Exec(context.Background(), statement); err != nil {
				t.Log(err)
			}
		}
	})
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("database.sh: %v\n%s", err, out)
	}
	there := server.Copy()
	there.Database = name
	conn, err := pgx.ConnectConfig(t.Context(), there)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	var may, tooMuch, others bool
	if err := conn.QueryRow(t.Context(), `SELECT rolcanlogin AND rolpassword IS NOT NULL, rolsuper OR rolcreaterole OR rolcreatedb OR rolbypassrls,
		(SELECT coalesce(array_to_string(datacl, ' ') ~ '(^| )=', true) FROM pg_database WHERE datname = $1)
		FROM pg_authid WHERE rolname = $1`, name).Scan(&may, &tooMuch, &others); err != nil || !may || tooMuch || others {
		t.Errorf("it may sign in: %v, it may too much: %v, anybody may connect: %v, %v", may, tooMuch, others, err)
	}
	// The tests' server lets nobody else in: their user comes, and has the role's rights.
	at := overTCP(t, there) + "&options=-c%20role%3D" + name
	if code, said := says(t, "migrate", "--config", written(t, fmt.Sprintf("database: {url: %q}\n", at))); code != 0 {
		t.Errorf("migrate: %d %s", code, said)
	}
}
