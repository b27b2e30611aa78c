package server

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

// The metric says when what is served ends, and nothing of a listener without a certificate.
func TestCertificateExpiry(t *testing.T) {
	dir := t.TempDir()
	file, key := filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key")
	certificate, private := issued(t, 1)
	for name, text := range map[string][]byte{file: certificate, key: private} {
		if err := os.WriteFile(name, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	p, err := newPair(file, key)
	if err != nil {
		t.Fatal(err)
	}
	if left := time.Until(p.expiry()); left <= 0 || left > 400*24*time.Hour {
		t.Errorf("ends in %s", left)
	}
	reg := prometheus.NewPedanticRegistry()
	reg.MustRegister(listeners{public: &gate{pair: p}, operations: &gate{}}.metrics()...)
	if n, err := testutil.GatherAndCount(reg, "server_certificate_expiry_timestamp_seconds"); n != 1 || err != nil {
		t.Errorf("%d certificates, %v", n, err)
	}
}
