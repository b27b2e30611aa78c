package httpclient

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// BenchmarkChain is what the chain adds to the network: the same request of 600 bytes, the
// same answer of 1 KB, over loopback; and without a network at all, where only the chain remains.
func BenchmarkChain(b *testing.B) {
	in, out := bytes.Repeat([]byte("x"), 600), bytes.Repeat([]byte("y"), 1024)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		_, _ = w.Write(out)
	}))
	defer server.Close()
	cfg := Config{Timeout: 5 * time.Second, Retries: 2}
	client := func() *Client { return New("bench", cfg, Deps{Registerer: prometheus.NewRegistry()}) }
	run := func(b *testing.B, rt http.RoundTripper, url string) {
		b.ReportAllocs()
		for b.Loop() {
			r, err := http.NewRequestWithContext(b.Context(), http.MethodPost, url, bytes.NewReader(in))
			if err != nil {
				b.Fatal(err)
			}
			resp, err := rt.RoundTrip(r)
			if err != nil {
				b.Fatal(err)
			}
			if _, err := ReadAll(resp); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.Run("direct", func(b *testing.B) {
		t := NewDirect(Pool{}, time.Second)
		defer t.CloseIdleConnections()
		run(b, t, server.URL)
	})
	b.Run("chain", func(b *testing.B) {
		c := client()
		defer c.Close()
		run(b, c.Operation("post", Once), server.URL)
	})
	still := system(func(r *http.Request) (*http.Response, error) {
		return &http.Response{StatusCode: 200, Header: http.Header{}, ContentLength: 1024, Body: io.NopCloser(bytes.NewReader(out))}, nil
	})
	b.Run("no network, chain", func(b *testing.B) {
		c := client()
		c.transport = still
		run(b, c.Operation("post", Once), "http://x")
	})
	b.Run("no network, request only", func(b *testing.B) {
		run(b, bare(func(r *http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: 200, Header: http.Header{}, ContentLength: 1024, Body: io.NopCloser(bytes.NewReader(out))}, nil
		}), "http://x")
	})
}

type bare func(*http.Request) (*http.Response, error)

func (b bare) RoundTrip(r *http.Request) (*http.Response, error) { return b(r) }
