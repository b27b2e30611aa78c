package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"time"
)

// healthCommand asks a process whether it takes requests: what a container without a shell or curl has
// its health checked by.
type healthCommand struct {
	URL     string        `help:"Operations listener of the process to ask." env:"PUENTE_CLI_URL" default:"http://127.0.0.1:9090" placeholder:"URL"`
	Timeout time.Duration `help:"How long to wait for the answer." default:"3s"`
}

// Run prints what /readyz says; it is an error unless that is 200.
func (c *healthCommand) Run(ctx context.Context) error {
	u, err := url.Parse(c.URL)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return fmt.Errorf("--url: must be http://host:port or https://host:port: %w", errUsage)
	}
	ctx, cancel := context.WithTimeout(ctx, c.Timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.JoinPath("readyz").String(), nil)
	if err != nil {
		return err
	}
	// A certificate of the listener names it as others reach it. Who answers on loopback is this machine's.
	client := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: loopback(u)}}}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 64<<10))
	if err != nil {
		return err
	}
	fmt.Printf("%s", body)
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s is not ready: %s", u.Host, resp.Status)
	}
	return nil
}

func loopback(u *url.URL) bool {
	host := u.Host
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	addr, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && addr.IsLoopback()
}
