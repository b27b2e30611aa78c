package server

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// The public listener speaks TLS 1.2 and more, and shows another certificate once its files change,
// without a connection lost; files that are no pair do not hurt.
func TestCertificatesAreReadAgain(t *testing.T) {
	dir := t.TempDir()
	certificate, key := filepath.Join(dir, "tls.crt"), filepath.Join(dir, "tls.key")
	write := func(file string, text []byte) {
		if err := os.WriteFile(file+".new", text, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(file+".new", file); err != nil { // as a secret's files are replaced
			t.Fatal(err)
		}
	}
	trusted := x509.NewCertPool()
	first, firstKey := issued(t, 1)
	second, secondKey := issued(t, 2)
	for _, text := range [][]byte{first, second} {
		trusted.AppendCertsFromPEM(text)
	}
	write(certificate, first)
	write(key, firstKey)
	at, _ := edge(t, fmt.Sprintf("public: {addr: '127.0.0.1:0', certificate: %q, key: %q}\npolicies: {modes: {origin: off}}\n", certificate, key),
		func(context.Context, struct{}) (forecast, error) { return forecast{"3000000019"}, nil })

	shown := func() int64 {
		conn, err := tls.Dial("tcp", at.Public, &tls.Config{RootCAs: trusted})
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		return conn.ConnectionState().PeerCertificates[0].SerialNumber.Int64()
	}
	kept := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: trusted}}}
	defer kept.CloseIdleConnections()
	ask := func() {
		resp, err := kept.Get("https://" + at.Public + "/v1/weather")
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if text, err := io.ReadAll(resp.Body); err != nil || resp.StatusCode != 200 {
			t.Fatalf("%d %s %v", resp.StatusCode, text, err)
		}
	}
	ask()
	if n := shown(); n != 1 {
		t.Errorf("shows %d", n)
	}
	if conn, err := tls.Dial("tcp", at.Public, &tls.Config{RootCAs: trusted, MaxVersion: tls.VersionTLS11}); err == nil {
		conn.Close()
		t.Error("speaks TLS 1.1")
	}
	if resp, err := http.Get("http://" + at.Public + "/v1/weather"); err == nil {
		if resp.Body.Close(); resp.StatusCode == 200 {
			t.Error("speaks plain HTTP")
		}
	}

	write(certificate, second) // whose key is not there yet
	for end := time.Now().Add(1500 * time.Millisecond); time.Now().Before(end); {
		if n := shown(); n != 1 {
			t.Fatalf("half a pair: shows %d", n)
		}
	}
	write(key, secondKey)
	for late := time.After(10 * time.Second); shown() != 2; {
		select {
		case <-late:
			t.Fatal("the new certificate is not shown")
		default:
		}
	}
	ask() // on the connection it had
}

// issued is a certificate for loopback that trusts itself, and its key, both PEM.
func issued(t *testing.T, serial int64) (certificate, key []byte) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	about := &x509.Certificate{
		SerialNumber: big.NewInt(serial), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
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
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})
}
