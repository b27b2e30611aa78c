package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"strings"

	"puente/shared/config"
	"puente/test/sandbox"
	"puente/test/sandbox/oauthprovider"
)

// sandboxCommand plays the third-party systems alone.
type sandboxCommand struct {
	Addr        string   `help:"Address, on loopback." env:"PUENTE_SANDBOX_ADDR" default:"127.0.0.1:9100"`
	Clients     []string `help:"Clients of the authorization server, as id:secret:scope+scope." placeholder:"ID:SECRET:SCOPES"`
	ClientsFile string   `help:"File of more clients, one on a line, so that their secrets are not on the command line." type:"existingfile" placeholder:"FILE"`
	Journal     string   `help:"File in which BotService keeps its ledger over restarts; orders, PQRs and charges are beside it." placeholder:"FILE"`
}

// Run serves until ctx ends.
func (s *sandboxCommand) Run(ctx context.Context) error {
	texts := s.Clients
	if s.ClientsFile != "" {
		lines, err := os.ReadFile(s.ClientsFile)
		if err != nil {
			return err
		}
		texts = append(texts, strings.Fields(string(lines))...)
	}
	clients, err := parseClients(texts)
	if err != nil {
		return err
	}
	box, err := sandbox.New(sandbox.Config{Addr: s.Addr, Clients: clients, Journal: s.Journal, Logger: slog.New(slog.NewTextHandler(os.Stderr, nil))})
	if err != nil {
		return err
	}
	listener, err := box.Listen()
	if err != nil {
		return err
	}
	fmt.Println("sandbox at", box.URL())
	return box.Serve(ctx, listener)
}

func parseClients(texts []string) ([]oauthprovider.Client, error) {
	var clients []oauthprovider.Client
	for _, text := range texts {
		parts := credentials(text)
		if parts == nil {
			return nil, fmt.Errorf("clients: must be id:secret:scope+scope: %w", errUsage)
		}
		clients = append(clients, oauthprovider.Client{ClientID: parts[0], Secret: config.NewSecret(parts[1]), Scopes: parts[2:], Name: parts[0]})
	}
	return clients, nil
}

// credentials is id, secret and the scopes of id:secret:scope+scope; nil if it is not of that form.
func credentials(text string) []string {
	id, rest, ok := strings.Cut(text, ":")
	secret, scopes, _ := strings.Cut(rest, ":")
	if !ok || id == "" || secret == "" {
		return nil
	}
	return append([]string{id, secret}, strings.FieldsFunc(scopes, func(r rune) bool { return r == '+' })...)
}
