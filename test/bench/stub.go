package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"puente/shared/config"
	"puente/test/sandbox/oauthprovider"
)

// The bench's client, as the provider and the platform know it.
const (
	clientID     = "bench"
	clientSecret = "bench-secret-of-no-consequence"
	clientSystem = "BENCH"
)

var clientScopes = []string{"portabilities", "reconexion", "validatetv"}

// botService is where the stub plays BotService.
const botService = "/botservice"

// answerBytes is the size of the stub's answers.
const answerBytes = 1024

// playStub plays BotService's portability resource, the operator's inventory, order management and
// television platforms, a backend for the plain forward, and the OAuth provider. It costs as little as it can: every answer is
// ready, and comes at once or after the delay given.
func playStub(ctx context.Context, args []string) error {
	f := flag.NewFlagSet("stub", flag.ContinueOnError)
	delay := f.Duration("delay", 0, "of each answer but the provider's")
	if err := f.Parse(args); err != nil {
		return err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	url := "http://" + listener.Addr().String()
	provider, err := oauthprovider.New(oauthprovider.Config{
		Issuer: url, TokenLife: 4 * time.Hour,
		Clients: []oauthprovider.Client{{ClientID: clientID, Secret: config.NewSecret(clientSecret), Scopes: clientScopes}},
	})
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	provider.Mount(func(_, pattern string, handler http.HandlerFunc) { mux.HandleFunc(pattern, handler) })
	accepted := ready(`{"success":true,"state":"NIP_REQUESTED","requestId":"a0B5g00000XyZ12","note":"%s"}`)
	lateAccepted := delayed(slowest, accepted)
	handle := func(pattern string, handler http.Handler) { mux.Handle(pattern, delayed(*delay, handler)) }
	handle("GET "+botService+"/api/saleorder/v1/portability",
		ready(`{"state":"NIP_REQUESTED","requestId":"a0B5g00000XyZ12","nipRequests":[{"correlationId":"TIENDA-220520251453-1067385177","resend":false}],"portIns":[],"note":"%s"}`))
	handle("POST "+botService+"/api/saleorder/v1/portability", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		text, _ := io.ReadAll(r.Body) // half a body is for no late phone
		if bytes.Contains(text, []byte(`"phone":"3`+late)) {
			lateAccepted.ServeHTTP(w, r)
			return
		}
		accepted.ServeHTTP(w, r)
	}))
	handle("POST "+forwardPath, accepted)
	playOperator(handle)
	playTelevision(mux, handle)
	return serveUntilEOF(ctx, listener, mux)
}

// delayed has a handler answer after a delay.
func delayed(delay time.Duration, handler http.Handler) http.Handler {
	if delay <= 0 {
		return handler
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		timer := time.NewTimer(delay)
		defer timer.Stop()
		select {
		case <-timer.C:
			handler.ServeHTTP(w, r)
		case <-r.Context().Done():
		}
	})
}

// ready is a handler whose answer is text, its %s filled up to answerBytes.
func ready(text string) http.Handler {
	body := fmt.Appendf(nil, text, strings.Repeat("n", answerBytes-len(text)+len("%s")))
	contentType, length := []string{"application/json"}, []string{fmt.Sprint(len(body))}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		h := w.Header()
		h["Content-Type"], h["Content-Length"] = contentType, length
		_, _ = w.Write(body)
	})
}

// playProxy is the baseline: a plain forward to the backend given, through a transport that keeps
// enough connections and with buffers used again.
func playProxy(ctx context.Context, args []string) error {
	f := flag.NewFlagSet("proxy", flag.ContinueOnError)
	backend := f.String("backend", "", "URL of the backend")
	if err := f.Parse(args); err != nil {
		return err
	}
	proxy, err := newProxy(*backend)
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	return serveUntilEOF(ctx, listener, proxy)
}

// hello is the first line of a child's standard output: where it listens.
type hello struct {
	Addr string `json:"addr"`
}

// serveUntilEOF says where it serves, and serves until the parent closes our standard input, by
// ending if not otherwise.
func serveUntilEOF(ctx context.Context, listener net.Listener, handler http.Handler) error {
	server := &http.Server{Handler: handler, ReadHeaderTimeout: 5 * time.Second}
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		_ = server.Close()
	}()
	defer context.AfterFunc(ctx, func() { _ = server.Close() })()
	if err := json.NewEncoder(os.Stdout).Encode(hello{listener.Addr().String()}); err != nil {
		return err
	}
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
