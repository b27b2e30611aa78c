package apitest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"

	"puente/shared/contract"
	"puente/shared/database"
	"puente/shared/hop"
	"puente/shared/keyring"
	"puente/shared/server"
	"puente/shared/telemetry"
)

// player is everything around an API: its caller, its backends and the layer below.
type player struct {
	api      server.API
	oracle   *oracle
	services *hop.Services
	sealer   *keyring.JWE
	db       *database.DB
	schemas  []string // cleaned between conversations
	address  string   // of the API's listener
	client   *http.Client

	mu      sync.Mutex
	scripts []*script // of the exchanges in play, innermost last
	values  placeholders
	errs    []error
}

// script is what is still to be called in an exchange.
type script struct {
	calls []*call
	trace telemetry.Trace // of the request
}

// play plays a conversation and returns all that went otherwise.
func (p *player) play(ctx context.Context, c *conversation) error {
	p.values, p.errs = placeholders{}, nil
	if err := clean(ctx, p.db, p.schemas); err != nil {
		return err
	}
	p.steps(ctx, c.steps)
	p.mu.Lock()
	defer p.mu.Unlock()
	return errors.Join(p.errs...)
}

func (p *player) fail(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.errs = append(p.errs, err)
}

// steps plays steps until one cannot be played at all.
func (p *player) steps(ctx context.Context, steps []step) {
	for _, s := range steps {
		var err error
		if s.exchange != nil {
			err = p.exchange(ctx, s.exchange)
		} else {
			err = p.execute(ctx, s.sql)
		}
		if err != nil {
			p.fail(err)
			return
		}
	}
}

// execute changes the database.
func (p *player) execute(ctx context.Context, s section) error {
	done, err := p.db.Exec(ctx, s.text)
	if err != nil {
		return fmt.Errorf("%s: %w", s.at, err)
	}
	if done.RowsAffected() == 0 {
		return fmt.Errorf("%s: the statement changed nothing", s.at)
	}
	return nil
}

// exchange sends a request, lets the backends answer as the script says, and compares the response.
func (p *player) exchange(ctx context.Context, x *exchange) error {
	sc := &script{calls: x.calls, trace: telemetry.NewTrace()}
	p.mu.Lock()
	p.scripts = append(p.scripts, sc)
	p.mu.Unlock()
	got, op, err := p.send(ctx, &x.request, sc.trace)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.scripts = p.scripts[:len(p.scripts)-1]
	if err != nil {
		return fmt.Errorf("%s: %w", x.request.at, err)
	}
	for _, missing := range sc.calls {
		p.errs = append(p.errs, fmt.Errorf("%s: %s was not called", missing.request.at, missing.target))
	}
	if op != nil {
		if err := p.oracle.answer(op, got); err != nil {
			p.errs = append(p.errs, fmt.Errorf("%s: %w", x.response.at, err))
		}
	}
	return p.values.compare(&x.response, got)
}

// send makes the request of m and reads its response. op is the contract's operation, if it has one.
func (p *player) send(ctx context.Context, m *message, trace telemetry.Trace) (got *received, op *contract.Operation, err error) {
	req, body, err := p.request(ctx, m)
	if err != nil {
		return nil, nil, err
	}
	if req.Header.Get("Traceparent") == "" {
		req.Header.Set("Traceparent", trace.Traceparent())
	}
	op = p.oracle.operation(req)
	var nonce string
	_, given := m.get("Authorization")
	switch {
	case p.api.Listener == server.Callbacks: // nobody vouches for who calls back
	case p.api.Contract.Layer != "xapi":
		if body, nonce, err = p.sign(req, op, m, body); err != nil {
			return nil, nil, err
		}
	case !given:
		req.Header.Set("Authorization", "Bearer "+goodToken+"tienda")
	}
	if body != nil {
		req.Body, req.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	}
	resp, err := p.client.Do(req)
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = resp.Body.Close() }() // it was read
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, nil, err
	}
	got = &received{start: fmt.Sprint(resp.StatusCode, " ", http.StatusText(resp.StatusCode)), header: resp.Header, body: text}
	if nonce != "" {
		err = p.unseal(got, resp.StatusCode, nonce)
	}
	return got, op, err
}

// request is m as it is sent, but for what signs it; its body is returned apart.
func (p *player) request(ctx context.Context, m *message) (req *http.Request, body []byte, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	start, err := p.values.fill(m.start)
	if err != nil {
		return nil, nil, err
	}
	text, err := p.values.fill(m.body)
	if err != nil {
		return nil, nil, err
	}
	method, target, _ := strings.Cut(start, " ")
	if req, err = http.NewRequestWithContext(ctx, method, "http://"+p.address+target, http.NoBody); err != nil {
		return nil, nil, err
	}
	for _, f := range m.header {
		value, err := p.values.fill(f.value)
		if err != nil {
			return nil, nil, err
		}
		if value != "" && f.name != principalHeader {
			req.Header.Add(f.name, value)
		}
	}
	if text == "" {
		return req, nil, nil
	}
	if _, given := m.get("Content-Type"); !given {
		req.Header.Set("Content-Type", "application/json")
	}
	return req, []byte(text), nil
}
