package httpclient

import (
	"bufio"
	"bytes"
	"io"
	"maps"
	"net/http"
	"net/url"
	"testing"

	"pgregory.net/rapid"
)

// rendered is a request as it goes out.
func rendered(r *http.Request) ([]byte, error) {
	m, err := newMessage(&trip{req: r, header: r.Header, body: r.Body})
	if err != nil {
		return nil, err
	}
	defer m.free()
	out := bytes.NewBuffer(bytes.Clone(m.text))
	if m.rest != nil {
		err = m.stream(out)
	}
	return out.Bytes(), err
}

// What a system reads is what it would have read from net/http.
func TestRequestsAreReadAsThoseOfNetHTTP(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		body := bytes.Repeat([]byte("b"), rapid.SampledFrom([]int{0, 1, 600, inline, inline + 1, 3 * inline}).Draw(t, "size"))
		known := rapid.Bool().Draw(t, "known")
		method := rapid.SampledFrom([]string{"", "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "QUERY"}).Draw(t, "method")
		address := rapid.SampledFrom([]string{
			"http://inventory.test", "http://inventory.test:8080/a/b?c=d&e=%20", "https://[::1]:443/ñ", "http://[fe80::1%25eth0]/", "http://bücher.test/?",
		}).Draw(t, "address")
		header := http.Header{"User-Agent": {"puente"}}
		for _, name := range []string{"Accept", "X-Request-Id", "Host", "Content-Length", "Transfer-Encoding", "Content-Type"} {
			if rapid.Bool().Draw(t, name) {
				header[name] = rapid.SliceOfN(rapid.StringMatching(`[!-~]([ -~]{0,8}[!-~])?`), 1, 2).Draw(t, name+" values")
			}
		}
		request := func() *http.Request {
			u, err := url.Parse(address)
			if err != nil {
				t.Fatal(err)
			}
			r := &http.Request{Method: method, URL: u, Header: maps.Clone(header), Body: io.NopCloser(bytes.NewReader(body)), ContentLength: -1}
			if known {
				r.ContentLength = int64(len(body))
			}
			if known && len(body) == 0 {
				r.Body = http.NoBody
			}
			return r
		}
		ours, err := rendered(request())
		if err != nil {
			t.Fatal(err)
		}
		var theirs bytes.Buffer
		if err := request().Write(&theirs); err != nil {
			t.Fatal(err)
		}
		read := func(b []byte) (*http.Request, []byte) {
			in := bufio.NewReader(bytes.NewReader(b))
			r, err := http.ReadRequest(in)
			if err != nil {
				t.Fatalf("%v in:\n%.400s", err, b)
			}
			body, err := io.ReadAll(r.Body)
			if err != nil || in.Buffered() > 0 {
				t.Fatalf("body: %v, %d bytes follow", err, in.Buffered())
			}
			return r, body
		}
		got, gotBody := read(ours)
		want, wantBody := read(theirs.Bytes())
		if got.Method != want.Method || got.RequestURI != want.RequestURI || got.Host != want.Host || got.Proto != want.Proto {
			t.Errorf("%s %s %s of %s, want %s %s %s of %s", got.Method, got.RequestURI, got.Proto, got.Host, want.Method, want.RequestURI, want.Proto, want.Host)
		}
		delete(got.Header, "Content-Length") // a short body has a length even where net/http knew none
		delete(want.Header, "Content-Length")
		if !maps.EqualFunc(got.Header, want.Header, func(a, b []string) bool { return len(a) == len(b) && (len(a) < 2 || a[1] == b[1]) && a[0] == b[0] }) {
			t.Errorf("headers %v, want %v", got.Header, want.Header)
		}
		if !bytes.Equal(gotBody, wantBody) || !bytes.Equal(gotBody, body) {
			t.Errorf("a body of %d bytes, want %d", len(gotBody), len(wantBody))
		}
	})
}
