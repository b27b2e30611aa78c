package hop

import (
	"context"
	_ "embed"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"puente/shared/keyring"
	"puente/shared/problem"
	"puente/shared/telemetry"
)

//go:embed testdata/inventory.yaml
var spec []byte

// inventory is an API below the caller.
var inventory = Contract{Layer: "sapi", Name: "inventory", Spec: spec}

var (
	getNote        = Operation[noteRequest, note]{Contract: &inventory, ID: "getNote"}
	addNote        = Operation[newNote, note]{Contract: &inventory, ID: "addNote"}
	exchangeSecret = Operation[note, note]{Contract: &inventory, ID: "exchangeSecret"}
)

type noteRequest struct {
	Line     string `uri:"line" json:"-"`
	Number   int64  `uri:"number" json:"-"`
	Language string `form:"language" json:"-"`
	Depth    *int   `form:"depth" json:"-"`
	Fresh    bool   `header:"X-Fresh" json:"-"`
}

type newNote struct {
	Line string `uri:"line" json:"-"`
	note
}

type note struct {
	Text   string            `json:"text"`
	Tags   map[string]string `json:"tags,omitempty"`
	Amount int64             `json:"amount,omitempty"`
	Parent *note             `json:"parent,omitempty"`
}

var serviceKey = []byte("0123456789abcdef0123456789abcdef")

func services(t testing.TB) *Services {
	t.Helper()
	s, err := NewServices(serviceKey)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// seal encrypts what operations of application/jose carry.
func seal(t testing.TB) *keyring.JWE {
	t.Helper()
	j, err := keyring.NewJWE([]keyring.JWEKey{keyring.DirectKey("k1", serviceKey)}, "k1")
	if err != nil {
		t.Fatal(err)
	}
	return j
}

// provider implements the inventory; its answers may be replaced.
type provider struct {
	get    func(context.Context, noteRequest) (note, error)
	add    func(context.Context, newNote) (note, error)
	secret func(context.Context, note) (note, error)
}

// registry offers p to typed hops.
func (p *provider) registry() *Registry {
	r := NewRegistry()
	Provide(r, getNote, p.get)
	Provide(r, addNote, p.add)
	Provide(r, exchangeSecret, p.secret)
	return r
}

// listen offers p to HTTP hops: the far side as another process would be, without its policies.
func (p *provider) listen(t *testing.T) *Remote {
	t.Helper()
	mux := http.NewServeMux()
	route(t, mux, getNote, p.get)
	route(t, mux, addNote, p.add)
	route(t, mux, exchangeSecret, p.secret)
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)
	return &Remote{URL: server.URL + "/", Caller: "xapi", Layer: "sapi", Services: services(t), Sealer: seal(t), Transport: transport}
}

func route[In, Out any](t *testing.T, mux *http.ServeMux, op Operation[In, Out], serve func(context.Context, In) (Out, error)) {
	o, err := op.Lookup()
	if err != nil {
		t.Fatal(err)
	}
	decoder, s, jwe := NewDecoder[In](), services(t), seal(t)
	mux.HandleFunc(o.Method+" "+o.Path, func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		_, nonce, principal, err := s.Caller(r.Header.Get("Authorization"), "sapi", r.Method+" "+r.URL.RequestURI(), body)
		var out []byte
		if err == nil && o.MediaType == JOSE {
			body, _, err = jwe.Decrypt(body)
		}
		var in In
		if err == nil {
			err = decoder.Decode(&in, r.PathValue, r, body)
		}
		if err == nil {
			ctx := telemetry.WithCorrelation(WithPrincipal(r.Context(), principal), r.Header.Get(CorrelationHeader))
			if trace, ok := telemetry.ParseTraceparent(r.Header.Get("Traceparent")); ok {
				ctx = telemetry.WithTrace(ctx, trace)
			}
			if ms, err := strconv.Atoi(r.Header.Get(DeadlineHeader)); err == nil {
				var cancel context.CancelFunc
				ctx, cancel = context.WithTimeout(ctx, time.Duration(ms)*time.Millisecond)
				defer cancel()
			}
			var answer Out
			if answer, err = serve(ctx, in); err == nil {
				out, err = json.Marshal(answer)
			}
		}
		if err == nil && o.MediaType == JOSE {
			out, err = jwe.Encrypt(out)
		}
		status := o.Status
		if err != nil {
			crossed := problem.Cross(err, op.Contract.Name)
			status, out = crossed.Kind.Status(), problem.Marshal(crossed)
		}
		w.Header().Set(ServiceHeader, s.Answer(nonce, status, out))
		w.WriteHeader(status)
		_, _ = w.Write(out) // the caller may have gone
	})
}

// byEveryWay runs do with p reached typed, typed and verified, and by HTTP.
func byEveryWay(t *testing.T, p *provider, do func(t *testing.T, peer Peer)) {
	t.Helper()
	for name, peer := range map[string]Peer{
		"typed": Local(&inventory, p.registry(), false), "verify": Local(&inventory, p.registry(), true),
		"http": Away(&inventory, p.listen(t)),
	} {
		t.Run(name, func(t *testing.T) { do(t, peer) })
	}
}
