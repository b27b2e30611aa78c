package evidence_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"slices"
	"testing"
	"time"

	"puente/papi/subscription/acceptance"
)

// A client certificate is warned of 30 days before its end, and after it.
func TestCertificateIsWarnedOf(t *testing.T) {
	const day = 24 * time.Hour
	ends := time.Now().Add(90 * day).Truncate(time.Second)
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: ends}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	text := func(kind string, b []byte) string {
		quoted, _ := json.Marshal(string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: b})))
		return string(quoted)
	}
	w := newWorld(t)
	w.Apply("partners", "52272", `{"name":"Socio","country":"CL","environment":"STAGING","notify":{"clientCertificate":{"certificate":`+text("CERTIFICATE", der)+`,"key":`+text("PRIVATE KEY", private)+`}},"redirect":{}}`)
	warning := "client certificate until " + ends.UTC().Format(time.DateOnly)
	for before, want := range map[time.Duration]bool{31 * day: false, 30 * day: true, 0: true, -day: true} {
		w.at = ends.Add(-before)
		list, err := w.List(t.Context(), "acceptances")
		if err != nil || len(list) == 0 {
			t.Fatal(list, err)
		}
		for _, one := range list {
			if r := one.(acceptance.Row); slices.Contains(r.Warnings, warning) != want {
				t.Errorf("%v before its end: %v", before, r.Warnings)
			}
		}
	}
}
