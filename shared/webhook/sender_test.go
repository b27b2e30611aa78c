package webhook

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"puente/shared/config"
	"puente/shared/httpclient"
	"puente/shared/outbox"
)

// sender makes one that may call the hosts, plain or not; nothing else is public.
func sender(t *testing.T, timeout time.Duration, hosts ...string) *Sender {
	t.Helper()
	guard, err := httpclient.NewSSRF(true, hosts...)
	if err != nil {
		t.Fatal(err)
	}
	client := httpclient.New("webhooks", ClientConfig(httpclient.Config{Timeout: timeout}, 4), httpclient.Deps{Guard: guard})
	t.Cleanup(client.Close)
	return NewSender(client, guard, true, time.Now)
}

// partner is a receiver; the sender may call it.
func partner(t *testing.T, serve http.HandlerFunc) (*Sender, string) {
	t.Helper()
	s := httptest.NewServer(serve)
	t.Cleanup(s.Close)
	return sender(t, 0, s.Listener.Addr().String()), s.URL
}

const message = `{"updateType":0}`

func TestAMessageIsSigned(t *testing.T) {
	ours, next := secret(t, 24, 'a'), secret(t, 32, 'b')
	ids := make(chan string, 2)
	s, address := partner(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if r.Method != http.MethodPost || string(body) != message || r.Header.Get("Content-Type") != "application/json" || r.Header.Get("Authorization") != "Bearer let me in" {
			t.Errorf("%s %s %v", r.Method, body, r.Header)
		}
		for _, secret := range []Secret{ours, next} {
			if err := Verify(r.Header, time.Now(), body, secret); err != nil {
				t.Error(err)
			}
		}
		ids <- r.Header.Get("webhook-id")
		fmt.Fprint(w, `{"status":"0","message":"ok"}`)
	})
	e := Endpoint{URL: address + "/hooks?x=1", Secrets: []Secret{ours, next}, Bearer: config.NewSecret("let me in")}
	if r := s.Send(t.Context(), e, "event-1", []byte(message)); r != (outbox.Result{Outcome: outbox.Delivered, Status: 200}) {
		t.Fatalf("%+v", r)
	}
	if id := <-ids; id != "event-1" {
		t.Fatal(id)
	}
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	var elsewhere atomic.Int32
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { elsewhere.Add(1) }))
	defer other.Close()
	s, address := partner(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, other.URL, http.StatusPermanentRedirect)
	})
	if r := s.Send(t.Context(), Endpoint{URL: address}, "id", []byte(message)); r.Outcome != outbox.RetrySlow || r.Status != 308 || elsewhere.Load() != 0 {
		t.Fatalf("%+v, and %d calls elsewhere", r, elsewhere.Load())
	}
}

// TestAGigabyteIsCut: what is promised, and what comes without a promise.
func TestAGigabyteIsCut(t *testing.T) {
	for _, promised := range []bool{true, false} {
		var written atomic.Int64
		left := make(chan struct{})
		s, address := partner(t, func(w http.ResponseWriter, r *http.Request) {
			defer close(left)
			if promised {
				w.Header().Set("Content-Length", fmt.Sprint(1<<30))
			}
			chunk := bytes.Repeat([]byte{' '}, 32<<10)
			for written.Load() < 1<<30 {
				n, err := w.Write(chunk)
				written.Add(int64(n))
				if err != nil {
					return
				}
			}
		})
		if r := s.Send(t.Context(), Endpoint{URL: address, Ack: AckHTTP}, "id", []byte(message)); r.Outcome != outbox.Retry {
			t.Fatalf("%+v", r)
		}
		<-left
		if n := written.Load(); n > 64<<20 { // what the network's buffers took
			t.Errorf("%d bytes left the receiver", n)
		}
	}
}

// What an endpoint answers counts, however large, encoded or broken off the page is that comes with it; it is no
// acknowledgement without one that can be read.
func TestARefusalCountsByItsStatus(t *testing.T) {
	pages := map[string]func(w http.ResponseWriter, status int){
		"large": func(w http.ResponseWriter, status int) {
			w.WriteHeader(status)
			_, _ = w.Write(bytes.Repeat([]byte(" "), 2*maxAnswer))
		},
		"encoded": func(w http.ResponseWriter, status int) {
			w.Header().Set("Content-Encoding", "gzip")
			w.WriteHeader(status)
			fmt.Fprint(w, "whatever")
		},
		"broken off": func(w http.ResponseWriter, status int) {
			w.Header().Set("Content-Length", "100")
			w.WriteHeader(status)
			fmt.Fprint(w, "whatever")
		},
	}
	for page, write := range pages {
		for status, want := range map[int]outbox.Result{
			http.StatusOK:                 {Outcome: outbox.Retry},
			http.StatusPermanentRedirect:  {Outcome: outbox.RetrySlow, Status: 308, Reason: "redirect"},
			http.StatusNotFound:           {Outcome: outbox.RetrySlow, Status: 404, Reason: "refused"},
			http.StatusGone:               {Outcome: outbox.Pause, Status: 410, Reason: "gone"},
			http.StatusServiceUnavailable: {Outcome: outbox.Retry, Status: 503, Reason: "unavailable", RetryAfter: time.Minute},
		} {
			s, address := partner(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Retry-After", "60")
				write(w, status)
			})
			got := s.Send(t.Context(), Endpoint{URL: address, Ack: AckHTTP}, "id", []byte(message))
			if status == http.StatusOK {
				got = outbox.Result{Outcome: got.Outcome}
			}
			if got != want {
				t.Errorf("%d, %s: %+v", status, page, got)
			}
		}
	}
}

func TestWhatBringsNoAnswer(t *testing.T) {
	hang := make(chan struct{})
	slow := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-hang }))
	defer slow.Close()
	defer close(hang)
	gone := httptest.NewServer(http.NotFoundHandler())
	gone.Close()
	s := sender(t, 50*time.Millisecond, slow.Listener.Addr().String(), strings.TrimPrefix(gone.URL, "http://"))
	for address, reason := range map[string]string{slow.URL: "timeout", gone.URL: "network"} {
		if r := s.Send(t.Context(), Endpoint{URL: address}, "id", []byte(message)); r.Outcome != outbox.Retry || r.Reason != reason || r.Status != 0 {
			t.Errorf("%s: %+v", reason, r)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if r := s.Send(ctx, Endpoint{URL: slow.URL}, "id", nil); r.Outcome != outbox.Retry {
		t.Errorf("%+v", r)
	}
}

// TestNobodyIsCalledInside: a canary on loopback, in many spellings, is not connected to.
func TestNobodyIsCalledInside(t *testing.T) {
	var called atomic.Int32
	canary := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { called.Add(1) }))
	defer canary.Close()
	u, err := url.Parse(canary.URL)
	if err != nil {
		t.Fatal(err)
	}
	s := sender(t, time.Second)
	for _, address := range []string{
		canary.URL, "http://localhost:" + u.Port(), "http://[::1]:" + u.Port(), "http://[::ffff:127.0.0.1]:" + u.Port(), "http://127.1:" + u.Port(),
		"http://2130706433:" + u.Port(), "http://0x7f.1:" + u.Port(), "http://0:" + u.Port(), "http://localhost", "https://localhost", "http://127.0.0.1", "http://169.254.169.254/latest/meta-data",
		"http://10.0.0.1", "http://user:password@example.com", "ftp://example.com", "file:///etc/passwd", "gopher://127.0.0.1:" + u.Port(), "//example.com", "", "http://", ":", "http://example.com:22",
	} {
		if r := s.Send(t.Context(), Endpoint{URL: address}, "id", []byte(message)); r.Outcome != outbox.RetrySlow || r.Reason != "address not allowed" {
			t.Errorf("%s: %+v", address, r)
		}
	}
	if n := called.Load(); n != 0 {
		t.Fatalf("the canary was called %d times", n)
	}
}

func TestOnlyTLSUnlessAllowed(t *testing.T) {
	s := sender(t, time.Second)
	s.plain = false
	for address, want := range map[string]bool{
		"https://hooks.example.com/x": true, "http://hooks.example.com/x": false, "HTTPS://hooks.example.com": true,
		"https://hooks.example.com/#x": false, "https://10.0.0.1/": false, "https://u:p@hooks.example.com": false, "https://hooks.example.com:8443": false,
	} {
		if err := s.Check(address); (err == nil) != want {
			t.Errorf("%s: %v", address, err)
		}
	}
	if r := s.Send(t.Context(), Endpoint{URL: "http://hooks.example.com"}, "id", nil); r.Outcome != outbox.RetrySlow {
		t.Fatalf("%+v", r)
	}
}
