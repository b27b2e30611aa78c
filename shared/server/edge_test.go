package server

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"puente/shared/access"
	"puente/shared/config"
	"puente/shared/database/databasetest"
	"puente/shared/hop"
)

const weather = `
openapi: 3.0.3
info: {title: Weather, version: 1.0.0, x-category: Field}
x-sla: {deadline: 2s, availability: 99.9}
paths:
  /v1/weather:
    get:
      operationId: getWeather
      security: []
      responses:
        '200':
          description: Now
          content:
            application/json:
              schema: {type: object, required: [phone], properties: {phone: {type: string, pattern: '^3[0-9]{9}$'}}}
        default: {description: An error, content: {application/problem+json: {schema: {type: object}}}}
`

// forecast is the answer of the API that edge serves.
type forecast struct {
	Phone string `json:"phone"`
}

// edge runs a public API with the configuration given until t ends; said is what it logged.
func edge(t *testing.T, more string, serve func(context.Context, struct{}) (forecast, error)) (at Addresses, said func() string) {
	t.Helper()
	field := hop.Contract{Layer: "xapi", Name: "weather", Spec: []byte(weather)}
	get := hop.Operation[struct{}, forecast]{Contract: &field, ID: "getWeather"}
	return hosting(t, more, API{Contract: &field, Mount: func(env *Env) error { Handle(env, get, serve); return nil }})
}

// hosting runs a public API of a test's own, as edge does its; entities are there before the first request.
func hosting(t *testing.T, more string, api API, entities ...access.Entities) (at Addresses, said func() string) {
	return run(t, more, Layer{Name: "xapi", APIs: []API{api}}, entities...)
}

// run runs a layer with the configuration given until t ends; said is what it logged.
func run(t *testing.T, more string, layer Layer, entities ...access.Entities) (at Addresses, said func() string) {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, "edge.yaml")
	text := fmt.Sprintf("dataDir: %q\n", dir) + alone + "internal: {addr: '127.0.0.1:0'}\nops: {addr: '127.0.0.1:0'}\ndrain: {delay: 0s}\nlog: {format: text}\n" + more
	for _, listener := range []string{"public", "callbacks"} {
		if !strings.Contains(more, listener+":") {
			text += listener + ": {addr: '127.0.0.1:0'}\n"
		}
	}
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	tree, err := config.Load(file, nil)
	if err != nil {
		t.Fatal(err)
	}
	var log logged
	ready, ended := make(chan Addresses, 1), make(chan error, 1)
	ctx, cancel := context.WithCancel(context.Background())
	cfg := Config{Tree: tree, Log: &log, DatabaseURL: databasetest.New(t).Config().ConnString(), Ready: func(a Addresses) error { ready <- a; return nil }}
	cfg.Seed = func(ctx context.Context, store *access.Store) (err error) {
		for _, e := range entities {
			err = errors.Join(err, store.Seed(ctx, e))
		}
		return err
	}
	go func() { ended <- Run(ctx, cfg, layer) }()
	t.Cleanup(cancel)
	select {
	case at = <-ready:
		t.Cleanup(func() {
			cancel()
			if err := <-ended; err != nil {
				t.Error(err)
			}
		})
	case err := <-ended:
		t.Fatalf("the edge did not start: %v\n%s", err, log.String())
	}
	return at, log.String
}

// logged is a log that may be read while it is written.
type logged struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logged) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// asked is the answer to a GET.
func asked(t *testing.T, url string) (status int, body string) {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(text)
}

// An API whose path has one segment spoke for every path that nobody has.
func TestPathsThatNobodyHasAreNotThoseOfAShortPath(t *testing.T) {
	contract := hop.Contract{Layer: "xapi", Name: "weather", Spec: []byte(strings.ReplaceAll(weather, "/v1/weather", "/weather"))}
	at, _ := hosting(t, "", API{Contract: &contract, Fault: tongue{}, Mount: func(env *Env) error {
		Handle(env, hop.Operation[struct{}, forecast]{Contract: &contract, ID: "getWeather"}, func(context.Context, struct{}) (forecast, error) { return forecast{}, nil })
		return nil
	}})
	for path, want := range map[string]string{
		"/weather": "405 application/json", "/weather/": "404 application/json", "/weather/more": "404 application/json",
		"/": "404 application/problem+json", "/weathers": "404 application/problem+json", "/elsewhere": "404 application/problem+json", "/v1/weather": "404 application/problem+json",
	} {
		resp, _ := sent(t, "http://"+at.Public+path, "", "{}")
		if got := resp.Status[:3] + " " + resp.Header.Get("Content-Type"); got != want {
			t.Errorf("%s: %s, want %s", path, got, want)
		}
	}
}
