package webhook

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"puente/shared/config"
	"puente/shared/httpclient"
	"puente/shared/outbox"
)

// issued is a certificate of a name, which signs itself, with its key.
func issued(t *testing.T, name string, usages ...x509.ExtKeyUsage) Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), ExtKeyUsage: usages}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	text := func(kind string, b []byte) config.Secret {
		return config.NewSecret(string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: b})))
	}
	return Certificate{text("CERTIFICATE", der), text("PRIVATE KEY", private)}
}

// A receiver that demands a certificate knows each of its senders by its own, over connections that nobody else
// uses; without one it is not told anything. The guard holds as ever.
func TestReceiverDemandsACertificate(t *testing.T) {
	var mu sync.Mutex
	names, connections := map[string]int{}, map[string]string{}
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := r.TLS.PeerCertificates[0].Subject.CommonName
		mu.Lock()
		defer mu.Unlock()
		if names[name]++; connections[r.RemoteAddr] != "" && connections[r.RemoteAddr] != name {
			t.Errorf("%s over a connection of %s", name, connections[r.RemoteAddr])
		}
		connections[r.RemoteAddr] = name
		fmt.Fprint(w, `{"status":"0"}`)
	}))
	one, two := issued(t, "one", x509.ExtKeyUsageClientAuth), issued(t, "two")
	clients := x509.NewCertPool()
	clients.AppendCertsFromPEM([]byte(one.Chain.Reveal() + two.Chain.Reveal()))
	s.TLS = &tls.Config{ClientAuth: tls.RequireAndVerifyClientCert, ClientCAs: clients}
	s.Config.ErrorLog = quiet()
	s.StartTLS()
	defer s.Close()
	servers := x509.NewCertPool()
	servers.AddCert(s.Certificate())
	sending := func(hosts ...string) *Sender {
		guard, err := httpclient.NewSSRF(true, hosts...)
		if err != nil {
			t.Fatal(err)
		}
		client := httpclient.New("webhooks", ClientConfig(httpclient.Config{}, 4), httpclient.Deps{Guard: guard, TLS: &tls.Config{RootCAs: servers}})
		t.Cleanup(client.Close)
		return NewSender(client, guard, false, time.Now)
	}
	open := sending(s.Listener.Addr().String())
	post := func(s *Sender, to string, c Certificate) outbox.Result {
		return s.Send(t.Context(), Endpoint{URL: to, Certificate: c}, "id", []byte(message))
	}
	for range 3 {
		for _, c := range []Certificate{one, two} {
			if r := post(open, s.URL, c); r.Outcome != outbox.Delivered {
				t.Fatalf("%+v", r)
			}
		}
	}
	for name, c := range map[string]Certificate{"none": {}, "a stranger's": issued(t, "three")} {
		if r := post(open, s.URL, c); r.Outcome != outbox.Retry {
			t.Errorf("%s: %+v", name, r)
		}
	}
	if r := post(open, s.URL, Certificate{one.Chain, two.Key}); r.Outcome != outbox.RetrySlow {
		t.Errorf("another's key: %+v", r)
	}
	for range mostIdentities { // of certificates that were replaced nothing is left
		open.known.ways[[32]byte{byte(len(open.known.ways)), byte(len(open.known.ways) >> 8), 1}] = identity{open.client.As(tls.Certificate{}), nil}
	}
	if r := post(open, s.URL, issued(t, "four")); r.Outcome != outbox.Retry || len(open.known.ways) != 1 {
		t.Errorf("%+v with %d", r, len(open.known.ways))
	}
	if r := post(open, s.URL, one); r.Outcome != outbox.Delivered {
		t.Errorf("%+v", r)
	}
	if r := post(sending(), s.URL, one); r.Outcome != outbox.RetrySlow || r.Reason != "address not allowed" {
		t.Errorf("inside: %+v", r)
	}
	mu.Lock()
	defer mu.Unlock()
	if names["one"] != 4 || names["two"] != 3 || len(names) != 2 {
		t.Errorf("%v", names)
	}
}

func TestCertificates(t *testing.T) {
	client, server := issued(t, "client", x509.ExtKeyUsageClientAuth), issued(t, "server", x509.ExtKeyUsageServerAuth)
	for name, test := range map[string]struct {
		chain, key string
		good       bool
	}{
		"a client's":         {client.Chain.Reveal(), client.Key.Reveal(), true},
		"without a usage":    {issued(t, "any").Chain.Reveal(), client.Key.Reveal(), false},
		"a server's":         {server.Chain.Reveal(), server.Key.Reveal(), false},
		"another's key":      {client.Chain.Reveal(), server.Key.Reveal(), false},
		"the wrong way":      {client.Key.Reveal(), client.Chain.Reveal(), false},
		"nothing":            {"", "", false},
		"no key":             {client.Chain.Reveal(), "", false},
		"not PEM":            {"secret", "secret", false},
		"text around it all": {"x\n" + client.Chain.Reveal(), client.Key.Reveal() + "\n", true},
	} {
		_, err := ParseCertificate(test.chain, test.key)
		if (err == nil) != test.good || err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A chain is good while all of it is.
func TestValidity(t *testing.T) {
	one, two := issued(t, "one"), issued(t, "two")
	of := func(c Certificate) *x509.Certificate {
		pair, err := ParseCertificate(c.Chain.Reveal(), c.Key.Reveal())
		if err != nil {
			t.Fatal(err)
		}
		return pair.Leaf
	}
	first := of(one)
	for name, test := range map[string]struct {
		chain        string
		since, until time.Time
	}{
		"one":                 {one.Chain.Reveal(), first.NotBefore, first.NotAfter},
		"with one before it":  {two.Chain.Reveal() + one.Chain.Reveal(), first.NotBefore, first.NotAfter},
		"with something else": {one.Key.Reveal() + one.Chain.Reveal(), first.NotBefore, first.NotAfter},
		"nothing":             {"", time.Time{}, time.Time{}},
		"what cannot be read": {strings.ReplaceAll(one.Key.Reveal(), "PRIVATE KEY", "CERTIFICATE"), time.Time{}, time.Time{}},
	} {
		since, until := Validity(test.chain)
		if since.Sub(test.since).Abs() > time.Minute || until.Sub(test.until).Abs() > time.Minute {
			t.Errorf("%s: %v, %v", name, since, until)
		}
	}
}
