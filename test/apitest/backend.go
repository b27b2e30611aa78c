package apitest

import (
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"slices"
	"strconv"

	"puente/shared/contract"
	"puente/shared/hop"
	"puente/shared/problem"
	"puente/shared/telemetry"
)

// thirdParty plays the third-party system target.
func (p *player) thirdParty(target string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got, err := receive(r)
		if err != nil {
			p.fail(fmt.Errorf("%s: %w", target, err))
			return
		}
		c := p.take(target, r, got)
		if c == nil {
			w.WriteHeader(http.StatusNotImplemented)
			return
		}
		p.answer(w, r, c, func(status int, h http.Header, body []byte) []byte {
			if json := len(body) > 0 && (body[0] == '{' || body[0] == '['); json && h.Get("Content-Type") == "" {
				h.Set("Content-Type", "application/json")
			}
			return body
		})
	})
}

// layerBelow plays the APIs of a layer as another process would host them: it wants each hop signed,
// sealed, within its contract and with all that must cross, and proves its answers.
func (p *player) layerBelow(contracts []*hop.Contract) (http.Handler, error) {
	mux := http.NewServeMux()
	for _, c := range contracts {
		o, err := newOracle(c)
		if err != nil {
			return nil, err
		}
		for _, op := range o.doc.Operations {
			mux.HandleFunc(op.Method+" "+op.Path, func(w http.ResponseWriter, r *http.Request) { p.hop(w, r, c, o, op) })
		}
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		p.fail(fmt.Errorf("a hop to nowhere: %s %s", r.Method, r.URL))
		w.WriteHeader(http.StatusNotImplemented)
	})
	return mux, nil
}

func (p *player) hop(w http.ResponseWriter, r *http.Request, api *hop.Contract, o *oracle, op *contract.Operation) {
	got, err := receive(r)
	var nonce string
	if err == nil {
		nonce, err = p.verify(r, api.Layer, op, got)
	}
	if err != nil {
		p.fail(fmt.Errorf("hop to %s: %w", api, err))
		w.WriteHeader(http.StatusNotImplemented)
		return
	}
	c := p.take(api.Name, r, got)
	if c == nil {
		w.WriteHeader(http.StatusNotImplemented)
		return
	}
	p.answer(w, r, c, func(status int, h http.Header, body []byte) []byte {
		media := "application/json"
		switch {
		case status != op.Status:
			media = problem.MediaType
		case op.MediaType == hop.JOSE:
			media = hop.JOSE
		}
		h.Set("Content-Type", media)
		if err := o.answer(op, &received{start: strconv.Itoa(status), header: h, body: body}); err != nil {
			p.fail(fmt.Errorf("%s: %w", c.response.at, err))
		}
		if media == hop.JOSE {
			if body, err = p.sealer.Encrypt(body); err != nil {
				p.fail(err)
			}
		}
		h.Set(hop.ServiceHeader, p.services.Answer(nonce, status, body))
		return body
	})
}

// verify holds a hop to what every hop must be, and makes got readable.
func (p *player) verify(r *http.Request, layer string, op *contract.Operation, got *received) (nonce string, err error) {
	_, nonce, principal, err := p.services.Caller(r.Header.Get("Authorization"), layer, got.start, got.body)
	if err != nil {
		return "", err
	}
	got.header.Set(principalHeader, formatPrincipal(principal))
	if media := r.Header.Get("Content-Type"); media != op.MediaType {
		return "", fmt.Errorf("Content-Type %q, want %q", media, op.MediaType)
	}
	if op.MediaType == hop.JOSE {
		if got.body, _, err = p.sealer.Decrypt(got.body); err != nil {
			return "", err
		}
	}
	if op.Body != nil {
		if _, broken := op.Body.Read(got.body, contract.Limits{}); len(broken) > 0 {
			return "", fmt.Errorf("breaks the contract: %v", broken)
		}
	}
	if r.Header.Get(hop.CorrelationHeader) == "" {
		return "", fmt.Errorf("no %s", hop.CorrelationHeader)
	}
	if ms, err := strconv.Atoi(r.Header.Get(hop.DeadlineHeader)); err != nil || ms < 1 {
		return "", fmt.Errorf("%s: %q", hop.DeadlineHeader, r.Header.Get(hop.DeadlineHeader))
	}
	return nonce, nil
}

func receive(r *http.Request) (*received, error) {
	body, err := io.ReadAll(r.Body)
	return &received{start: r.Method + " " + r.URL.RequestURI(), header: r.Header, body: body}, err
}

// take finds the call in the script that got is; nil if there is none.
func (p *player) take(target string, r *http.Request, got *received) *call {
	p.mu.Lock()
	defer p.mu.Unlock()
	refuse := func(format string, args ...any) *call {
		p.errs = append(p.errs, fmt.Errorf(format+"\n%s\n%s", append(args, got.start, got.body)...))
		return nil
	}
	if len(p.scripts) == 0 {
		return refuse("%s was called while nothing was asked", target)
	}
	sc := p.scripts[len(p.scripts)-1]
	if len(sc.calls) == 0 {
		return refuse("%s was called once too often", target)
	}
	next := p.next(sc.calls, target, got)
	c := sc.calls[next]
	if c.target != target {
		return refuse("%s: %s was called, want %s", c.request.at, target, c.target)
	}
	sc.calls = slices.Delete(slices.Clone(sc.calls), next, next+1)
	if trace, ok := telemetry.ParseTraceparent(r.Header.Get("Traceparent")); !ok || trace.ID != sc.trace.ID || trace.Span == sc.trace.Span {
		p.errs = append(p.errs, fmt.Errorf("%s: Traceparent %q does not continue %s", c.request.at, r.Header.Get("Traceparent"), sc.trace.Traceparent()))
	}
	if err := p.values.compare(&c.request, got); err != nil {
		p.errs = append(p.errs, err)
	}
	return c
}

// next finds the call that got is among the first and those made at once with it; the first if it is none.
func (p *player) next(calls []*call, target string, got *received) int {
	for i, c := range calls {
		if i > 0 && !c.and {
			break
		}
		if c.target == target && maps.Clone(p.values).compare(&c.request, got) == nil {
			return i
		}
	}
	return 0
}

// answer plays what happens meanwhile, then answers as the file says. finish completes headers and
// body.
func (p *player) answer(w http.ResponseWriter, r *http.Request, c *call, finish func(status int, h http.Header, body []byte) []byte) {
	p.steps(r.Context(), c.meanwhile)
	switch c.response.start {
	case hang:
		<-r.Context().Done()
		return
	case reset:
		if err := breakOff(w); err != nil {
			p.fail(fmt.Errorf("%s: %w", c.response.at, err))
		}
		return
	}
	p.mu.Lock()
	body, err := p.values.fill(c.response.body)
	for _, f := range c.response.header {
		value, fieldErr := p.values.fill(f.value)
		if fieldErr != nil {
			err = fieldErr
		}
		w.Header().Add(f.name, value)
	}
	p.mu.Unlock()
	if err != nil {
		p.fail(fmt.Errorf("%s: %w", c.response.at, err))
	}
	sent := finish(c.response.status(), w.Header(), []byte(body))
	w.WriteHeader(c.response.status())
	_, _ = w.Write(sent) // the API may have given up
}

// breakOff ends a connection by RST.
func breakOff(w http.ResponseWriter) error {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return err
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		if err := tcp.SetLinger(0); err != nil {
			return err
		}
	}
	return conn.Close()
}
