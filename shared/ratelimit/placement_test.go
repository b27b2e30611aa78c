package ratelimit

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"puente/shared/config"
)

// freePort is one that nobody listens on.
func freePort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
}

// Over TLS the limiter counts in Redis where it trusts the certificate, and for itself where it does not.
func TestRedisOverTLS(t *testing.T) {
	binary := redisBinary(t)
	if binary == "" {
		t.Log("no redis-server here: none with TLS either")
		return
	}
	certificate, key := loopbackPair(t)
	port := freePort(t)
	startRedis(t, binary, "--tls-port", port, "--tls-cert-file", certificate, "--tls-key-file", key, "--tls-ca-cert-file", certificate, "--tls-auth-clients", "no")
	other, _ := loopbackPair(t)
	for name, c := range map[string]struct{ url, ca, state string }{
		"trusted":                {"rediss://127.0.0.1:" + port, certificate, "shared"},
		"another authority":      {"rediss://127.0.0.1:" + port, other, "degraded"},
		"the system's":           {"rediss://127.0.0.1:" + port, "", "degraded"},
		"plain to the TLS's own": {"redis://127.0.0.1:" + port, "", "degraded"},
	} {
		l, err := New(Config{URL: config.NewSecret(c.url), CA: c.ca, Replicas: 2}, quiet, newRegistry())
		if err != nil {
			t.Fatal(err)
		}
		if c.state == "shared" {
			eventually(t, name, func() bool { return !l.Take(ctx, limit("client", 1_000_000, time.Minute)).Degraded })
		}
		if d := l.Take(ctx, limit("client", 1_000_000, time.Minute)); !d.Allowed || d.Degraded != (c.state == "degraded") || l.State() != c.state {
			t.Errorf("%s: %s %+v", name, l.State(), d)
		}
		l.Close()
	}
}

// Sentinel names the Redis that counts, and after its death the one that took its place.
func TestRedisBehindSentinel(t *testing.T) {
	binary := redisBinary(t)
	if binary == "" {
		t.Log("no redis-server here: no Sentinel either")
		return
	}
	primary := startRedis(t, binary)
	replica := startRedis(t, binary, "--replicaof", "127.0.0.1", primary.port)
	port, dir := freePort(t), t.TempDir()
	file := filepath.Join(dir, "sentinel.conf")
	if err := os.WriteFile(file, fmt.Appendf(nil, "port %s\nbind 127.0.0.1\ndir %s\nsentinel monitor limits 127.0.0.1 %s 1\nsentinel down-after-milliseconds limits 300\n",
		port, dir, primary.port), 0o600); err != nil {
		t.Fatal(err)
	}
	sentinel := exec.Command(binary, file, "--sentinel")
	sentinel.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := sentinel.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = sentinel.Process.Kill()
		_ = sentinel.Wait()
	})
	eventually(t, "the replica follows", func() bool {
		info, err := replica.client.Info(ctx, "replication").Result()
		return err == nil && strings.Contains(info, "master_link_status:up")
	})
	url := "redis+sentinel://127.0.0.1:" + port + "?master_name=limits"
	l, err := New(Config{URL: config.NewSecret(url), Replicas: 1}, quiet, newRegistry())
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	counted := func() bool {
		d := l.Take(ctx, limit("client", 1_000_000, time.Minute))
		return d.Allowed && !d.Degraded
	}
	eventually(t, "it counts in the primary", func() bool { return counted() && primary.client.DBSize(ctx).Val() > 0 })
	for range 20 {
		if !counted() {
			t.Error("does not count in the primary any more")
		}
	}
	watch := redis.NewSentinelClient(&redis.Options{Addr: "127.0.0.1:" + port, Protocol: 2})
	defer watch.Close()
	eventually(t, "Sentinel knows the replica", func() bool {
		known, err := watch.Replicas(ctx, "limits").Result()
		return err == nil && len(known) == 1 && known[0]["port"] == replica.port
	})
	primary.kill()
	eventually(t, "it counts in the one that took over", func() bool {
		role, err := replica.client.Do(ctx, "ROLE").Slice()
		return err == nil && role[0] == "master" && counted()
	})
}

// loopbackPair is the files of a certificate for loopback that trusts itself, and of its key.
func loopbackPair(t *testing.T) (certificate, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	about := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, BasicConstraintsValid: true, IsCA: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, about, about, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, block := range map[string]*pem.Block{"tls.crt": {Type: "CERTIFICATE", Bytes: der}, "tls.key": {Type: "PRIVATE KEY", Bytes: secret}} {
		if err := os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key")
}

func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for late := time.After(30 * time.Second); !holds(); {
		select {
		case <-late:
			t.Fatal("not in time: ", what)
		case <-time.After(5 * time.Millisecond):
		}
	}
}
