package catalogue

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"math/big"
	"strings"
	"testing"
	"time"

	"puente/shared/problem"
)

// pair is a certificate for clients and its key, as JSON strings hold them.
func pair(t *testing.T) (certificate, key string) {
	return pairOf(t, time.Now(), time.Now().Add(time.Hour))
}

func pairOf(t *testing.T, since, until time.Time) (certificate, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "hub"}, NotBefore: since, NotAfter: until, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	encoded, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	text := func(kind string, b []byte) string {
		quoted, _ := json.Marshal(string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: b})))
		return string(quoted)
	}
	return text("CERTIFICATE", der), text("PRIVATE KEY", encoded)
}

// A partner's asymmetric key is read back as the public one, which keeps it; a client certificate and its key are
// secrets, belong together, and one of them alone is not replaced.
func TestKeysAndCertificates(t *testing.T) {
	s, r := open(t)
	const whsk, whpk = "whsk_nWGxne/9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A=", "whpk_11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo="
	certificate, key := pair(t)
	stranger, strangersKey := pair(t)
	notify := func(secrets, certificate, key string) string {
		return strings.Replace(shop, "["+whsec+"]", "["+secrets+"], clientCertificate: {certificate: "+certificate+", key: "+key+"}", 1)
	}
	if _, err := apply(t, r, notify(whsec+", "+whsk, certificate, key)); err != nil {
		t.Fatal(err)
	}
	var read PartnerSpec
	shown := func() string {
		got, err := r.Get(t.Context(), "partners", "52272")
		if err != nil {
			t.Fatal(err)
		}
		text, _ := json.Marshal(got)
		return string(text)
	}
	text := shown()
	if !strings.Contains(text, whpk) || strings.Contains(text, whsk) || strings.Contains(text, "PRIVATE KEY") || strings.Contains(text, base64.StdEncoding.EncodeToString([]byte("PRIVATE"))) {
		t.Errorf("shown: %s", text)
	}
	partner, _ := s.Snapshot().Partner(52272)
	read = partner.PartnerSpec
	if read.Notify.Secrets[1].Reveal() != whsk || !strings.Contains(read.Notify.ClientCertificate.Key.Reveal(), "PRIVATE KEY") {
		t.Error("a secret was lost")
	}
	chain, private := read.Notify.ClientCertificate.Certificate.Fingerprint(), read.Notify.ClientCertificate.Key.Fingerprint()
	kept := notify(`"`+NewSecret(whsec).Fingerprint()+`", `+whpk, `"`+chain+`"`, `"`+private+`"`)
	results, err := apply(t, r, kept)
	if err != nil || results[0].Outcome != "unchanged" {
		t.Errorf("%+v, %v", results, err)
	}
	if partner, _ = s.Snapshot().Partner(52272); partner.Notify.Secrets[1].Reveal() != whsk {
		t.Error("the key was not kept")
	}
	for name, wrong := range map[string]string{
		"a key of another":         notify(whsec, certificate, strangersKey),
		"a new one for a kept key": notify(whsec, stranger, `"`+private+`"`),
		"a new key for a kept one": notify(whsec, `"`+chain+`"`, strangersKey),
		"no PEM":                   notify(whsec, "x", "y"),
		"a short key":              notify("whsk_c2hvcnQ=", certificate, key),
		"a public key that is new": notify("whpk_"+base64.StdEncoding.EncodeToString(make([]byte, 32)), certificate, key),
		"three of one kind":        notify(whsec+", whsec_Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6cXV4, whsec_Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6cXV5", certificate, key),
		"half of it":               notify(whsec, certificate, `""`),
	} {
		if _, err := apply(t, r, wrong); !errors.Is(err, problem.Invalid) || strings.Contains(err.Error(), "PRIVATE") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if shown() != text {
		t.Error("a refused document changed something")
	}
	if _, err := apply(t, r, notify(whsec, stranger, strangersKey)); err != nil {
		t.Errorf("both anew: %v", err)
	}
}

// A certificate that is over, or not good yet, would have every delivery fail. One that is kept does not keep its
// partner from being changed once it is over.
func TestCertificatesMustBeValidNow(t *testing.T) {
	s, r := open(t)
	now := time.Now()
	notify := func(certificate, key string) string {
		return strings.Replace(shop, "["+whsec+"]", "["+whsec+"], clientCertificate: {certificate: "+certificate+", key: "+key+"}", 1)
	}
	for name, test := range map[string]struct {
		since, until time.Time
		want         string
	}{
		"over":         {now.Add(-48 * time.Hour), now.Add(-time.Hour), "it ended"},
		"not good yet": {now.Add(time.Hour), now.Add(48 * time.Hour), "it is not before"},
	} {
		if _, err := apply(t, r, notify(pairOf(t, test.since, test.until))); !errors.Is(err, problem.Invalid) || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	certificate, key := pair(t)
	if _, err := apply(t, r, notify(certificate, key)); err != nil {
		t.Fatal(err)
	}
	partner, _ := s.Snapshot().Partner(52272)
	kept := partner.Notify.ClientCertificate
	late := ClientCertificate{Certificate: Secret{fingerprint: kept.Certificate.fingerprint}, Key: Secret{fingerprint: kept.Key.fingerprint}}
	for c, want := range map[*ClientCertificate]bool{kept: false, &late: true} { // in clear, and by its fingerprint
		var wrong rules
		if c.validateNow(&wrong, now.Add(2*time.Hour)); (len(wrong) == 0) != want {
			t.Errorf("%+v: %v", c.Certificate, wrong)
		}
	}
}
