package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// The shapes: how the layers of the platform are placed.
const (
	shapeProxy  = "proxy"  // the baseline
	shapeTyped  = "typed"  // one process, typed hops
	shapeHTTP   = "http"   // one process, hops by HTTP
	shapeLayers = "layers" // three processes
	shapeCalls  = "calls"  // the baseline of fanning out
)

var shapeNames = []string{shapeTyped, shapeHTTP, shapeLayers}

// platform is a running shape.
type platform struct {
	shape     string
	dir       string
	database  string // connection string
	redis     string // URL, or empty
	admin     string // token
	key       string // of the ring, and of the layers' trust in each other
	stub      string // URL
	processes []*instance
}

// instance is one process of the platform, and where it listens.
type instance struct {
	*process
	Public     string `json:"public"`
	Internal   string `json:"internal"`
	Operations string `json:"operations"`
}

// startPlatform starts a shape, seeds it and waits until it serves.
func (s *site) startPlatform(ctx context.Context, o options, shape string) (*platform, error) {
	p := &platform{shape: shape, dir: filepath.Join(s.dir, shape), admin: rand.Text(), key: randomKey(), stub: s.stub}
	if err := os.Mkdir(p.dir, 0o700); err != nil {
		return nil, err
	}
	var err error
	if p.database, err = s.newDatabase(ctx, shape); err != nil {
		return nil, err
	}
	if s.redis != nil {
		p.redis = fmt.Sprintf("redis://%s/%d", s.redisAddr, 1+slices.Index(shapeNames, shape))
	}
	switch shape {
	case shapeTyped:
		err = p.launch(ctx, s.crew, o, shape)
	case shapeHTTP:
		err = p.launch(ctx, s.crew, o, shape, "--hops", "http")
	case shapeLayers: // who is called before who calls: its address must be known
		for _, layer := range []string{"sapi", "papi", "xapi"} {
			err = errors.Join(err, p.launch(ctx, s.crew, o, shape+"-"+layer, "--layers", layer))
		}
	}
	if err != nil {
		return nil, err
	}
	return p, p.seed(ctx)
}

// launch starts one process and waits until it is ready.
func (p *platform) launch(ctx context.Context, crew *crew, o options, name string, args ...string) error {
	file := filepath.Join(p.dir, name+".yaml")
	if err := os.WriteFile(file, p.configuration(o, filepath.Join(p.dir, name)), 0o600); err != nil {
		return err
	}
	cmd := exec.Command(o.binary, append([]string{"run", "--config", file}, args...)...)
	cmd.Env = slices.DeleteFunc(os.Environ(), func(s string) bool {
		return strings.HasPrefix(s, "PUENTE_") || strings.HasPrefix(s, "DATABASE_URL=") || strings.HasPrefix(s, "REDIS_URL=")
	})
	child, err := crew.start(name, cmd)
	if err != nil {
		return err
	}
	i := &instance{process: child}
	err = child.await(ctx, 30*time.Second, func() (bool, error) { return i.ready() })
	p.processes = append(p.processes, i)
	return err
}

// ready reads from the log where the process listens, which it says once it serves.
func (i *instance) ready() (bool, error) {
	log, err := os.ReadFile(i.log)
	if err != nil {
		return false, err
	}
	for line := range bytes.Lines(log) {
		var said struct {
			Message string `json:"msg"`
		}
		if json.Unmarshal(line, &said) == nil && said.Message == "ready" {
			return true, json.Unmarshal(line, i)
		}
	}
	return false, nil
}

// complaints are the lines of the log that are warnings or errors: a platform that has them may
// have done less than it should.
func (i *instance) complaints() (lines [][]byte, err error) {
	log, err := os.ReadFile(i.log)
	if err != nil {
		return nil, err
	}
	for line := range bytes.Lines(log) {
		if !bytes.Contains(line, []byte(`"level":"INFO"`)) {
			lines = append(lines, bytes.TrimSpace(line))
		}
	}
	return lines, nil
}

// configuration is what differs from the defaults; a process reads what belongs to its layers.
func (p *platform) configuration(o options, dataDir string) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, `dataDir: %q
public: {addr: "127.0.0.1:0"}
internal: {addr: "127.0.0.1:0"}
callbacks: {addr: "127.0.0.1:0"}
drain: {delay: 0s, timeout: 2s}
database: {url: %q}
keys: {ring: [{id: bench, secret: %q}], active: bench}
admin: {tokens: {bench: {secret: %q, role: admin}}}
policies:
  token: {audience: puente}
  apis: {validatetv: {subjects: [{name: phone, member: Phone, requests: 1000000000, window: 1m}]}}
papi: {tvvalidation: {cache: {lifetime: 1m}}}
sapi:
  salesorder: {http: {url: %q}}
  inventory: {http: {url: %q}}
  orders: {http: {url: %q}}
  pqr: {http: {url: %q}}
  tvplatforms: {ftth: {http: {url: %q}}}
  oauth2: {http: {url: %q}, issuer: %q, audience: puente}
`, dataDir, p.database, p.key, p.admin, p.stub+botService, p.stub+inventoryPath, p.stub+ordersPath, p.stub+"/pqr", p.stub+platformsPath, p.stub, p.stub)
	ops := `addr: "127.0.0.1:0"`
	if o.profile {
		ops += ", profile: true"
	}
	fmt.Fprintf(&b, "ops: {%s}\n", ops)
	if p.redis != "" {
		fmt.Fprintf(&b, "redis: {url: %q}\n", p.redis)
	}
	fmt.Fprintf(&b, "layers:\n  serviceKey: %q\n", p.key)
	for n, i := range p.processes { // sapi, papi
		fmt.Fprintf(&b, "  %s: {url: %q}\n", []string{"sapi", "papi", "xapi"}[n], "http://"+i.Internal)
	}
	return b.Bytes()
}

// edge is the process that the channels call: the last one started.
func (p *platform) edge() *instance { return p.processes[len(p.processes)-1] }

// processLayer is the process that hosts the process APIs: the second of three, or the only one.
func (p *platform) processLayer() *instance { return p.processes[len(p.processes)/2] }

// seed makes the bench's client, whose tier never refuses.
func (p *platform) seed(ctx context.Context) error {
	documents := `[
{"kind": "Tier", "id": "bench", "spec": {"limits": [{"requests": 1000000000, "window": "1m"}, {"requests": 1000000000, "window": "24h"}]}},
{"kind": "System", "id": "` + clientSystem + `", "spec": {}},
{"kind": "Client", "id": "` + clientID + `", "spec": {"name": "bench", "systems": ["` + clientSystem + `"], "contracts": [{"api": "portabilities", "tier": "bench"}, {"api": "reconexion", "tier": "bench"}, {"api": "validatetv", "tier": "bench"}]}}
]`
	return errors.Join(p.apply(ctx, p.edge(), documents), p.apply(ctx, p.processLayer(), tables))
}

// apply has the operations API of a process make things as documents say.
func (p *platform) apply(ctx context.Context, at *instance, documents string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+at.Operations+"/admin/v1/apply", strings.NewReader(documents))
	if err != nil {
		return err
	}
	req.Header.Set("Authorization", "Bearer "+p.admin)
	_, err = fetch(req)
	return err
}

// await waits until the edge admits the bench's client, which it learns of a moment after seed.
func (p *platform) await(ctx context.Context, token string, number uint64) error {
	edge := p.edge()
	r := newRequest(rowRead, edge.Public, token)
	r.number(number)
	var refused *unexpected
	err := edge.await(ctx, 15*time.Second, func() (bool, error) {
		c, err := dial(edge.Public, time.Now().Add(answerWithin))
		if err != nil {
			return false, err
		}
		defer c.close()
		if _, err = c.exchange(r); errors.As(err, &refused) {
			return false, nil
		}
		return err == nil, err
	})
	if err != nil && refused != nil {
		return errors.Join(refused, err)
	}
	return err
}

// fetchToken gets an access token for the bench's client.
func fetchToken(ctx context.Context, provider string) (string, error) {
	form := url.Values{"grant_type": {"client_credentials"}}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, provider+"/oauth2/token", strings.NewReader(form.Encode()))
	if err != nil {
		return "", err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.SetBasicAuth(clientID, clientSecret)
	text, err := fetch(req)
	if err != nil {
		return "", err
	}
	var answer struct {
		AccessToken string `json:"access_token"`
	}
	return answer.AccessToken, json.Unmarshal(text, &answer)
}

// fetch is the body of an answer that must be 200.
func fetch(req *http.Request) ([]byte, error) {
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = &unexpected{resp.StatusCode, text}
	}
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w", req.Method, req.URL, err)
	}
	return text, nil
}

func randomKey() string {
	var key [32]byte
	_, _ = rand.Read(key[:])
	return base64.StdEncoding.EncodeToString(key[:])
}
