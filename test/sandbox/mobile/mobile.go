// Package mobile plays a subscriber's phone on the operator's network, for a person who tries the landing
// pages of the partner hub (its specification §7): what the phone got by SMS, a way to send some, and a way
// to a landing page through the operator's HTTP proxy, which tells the number (header enrichment).
//
//	GET  /mobile?msisdn={msisdn}                        operation phone: a page; without msisdn it asks for one, with write=true
//	                                                    for a message to send
//	POST /mobile/sms                                    operation sms: msisdn, to and text of a form; the phone sends it
//	GET  /mobile/proxy?msisdn={msisdn}&to={path?query}  operation proxy: the GET goes on to the platform with the number in
//	                                                    the enrichment header, from 127.0.0.2, where the operator's proxy is
//	     answers as the platform does, redirects too, with Location made absolute
//	     400 to is no path of the platform's; 409 nobody told where the platform is; 502 it does not answer in 10 s, or too much
//
// The proxy passes on what a browser says of itself (User-Agent, Accept, Accept-Language, Cookie) and drops
// all else, enrichment headers of the browser's own above all; X-Forwarded-For is the browser's address.
// For tests, also=<value> sends the header a second time, spoof=true has the request come from 127.0.0.1, where
// no proxy is, and no msisdn no header.
//
// Controls:
//
//	GET  /_sandbox/mobile/settings   where the platform is
//	POST /_sandbox/mobile/settings   sets those that are given: {"public":"http://127.0.0.1:8080","plain":"","header":"X-MSISDN",
//	                                 "campaigns":[{"name":"juegos","title":"Juegos","query":"partnerId=…","shortCode":"8888","keyword":"JUEGOS"}]}
package mobile

import (
	"context"
	"net/http"
	"slices"
	"sync"
	"time"

	"puente/test/sandbox/smsc"
)

// gateway is what phones get and send messages by.
type gateway interface {
	Messages(to string) []smsc.Message
	Send(ctx context.Context, from, to, text string) (smsc.MO, error)
}

// Service is all phones, and the operator's proxy.
type Service struct {
	now     func() time.Time
	sms     gateway
	network *network

	mu       sync.Mutex
	settings Settings
	proxied  []Proxied
}

// Settings are where the platform is, and what is sold there.
type Settings struct {
	Public    string     `json:"public"` // base URL of the landing pages; empty: not known yet
	Plain     string     `json:"plain"`  // base URL of its listener for plain HTTP; empty: Public
	Header    string     `json:"header"` // in which the operator's proxy tells the number
	Campaigns []Campaign `json:"campaigns"`
}

// Campaign is a landing page that the phone's page leads to.
type Campaign struct {
	Name      string `json:"name"` // in its path
	Title     string `json:"title"`
	Query     string `json:"query"` // what a partner's link says beside it
	ShortCode string `json:"shortCode,omitempty"`
	Keyword   string `json:"keyword,omitempty"` // beside SALIR; empty: nothing to end
}

// Proxied is a request that went through the operator's proxy.
type Proxied struct {
	To        string    `json:"to"` // as the platform got it
	From      string    `json:"from"`
	Numbers   []string  `json:"numbers"` // in the enrichment header
	Forwarded string    `json:"forwarded"`
	UserAgent string    `json:"userAgent"`
	Status    int       `json:"status"` // that the platform answered; 0: none
	Location  string    `json:"location,omitempty"`
	At        time.Time `json:"at"`
}

// most are the proxied requests that are remembered.
const most = 10_000

var initial = Settings{Header: "X-MSISDN", Campaigns: []Campaign{}}

// New starts the phones, which get their messages by the given gateway.
func New(now func() time.Time, sms *smsc.Service) *Service {
	return &Service{now: now, sms: sms, network: newNetwork(), settings: initial}
}

// Name is mobile.
func (s *Service) Name() string { return "mobile" }

// Mount declares the operations. A page of another origin cannot have the phone send a message.
func (s *Service) Mount(operation func(name, pattern string, handler http.HandlerFunc)) {
	operation("phone", "GET /mobile", s.phone)
	operation("sms", "POST /mobile/sms", http.NewCrossOriginProtection().Handler(http.HandlerFunc(s.send)).ServeHTTP)
	operation("proxy", "GET /mobile/proxy", s.proxy)
}

// Ledger is what was proxied, as GET /_sandbox/ledger/mobile shows it.
func (s *Service) Ledger() any { return map[string][]Proxied{"proxied": s.Proxied()} }

// Proxied are the requests that went through the proxy, in order.
func (s *Service) Proxied() []Proxied {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]Proxied{}, s.proxied...)
}

func (s *Service) note(p Proxied) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.proxied) == most {
		s.proxied = slices.Delete(s.proxied, 0, most/10)
	}
	s.proxied = append(s.proxied, p)
}

// Configure changes the settings and returns them; a nil change leaves them.
func (s *Service) Configure(change func(*Settings)) Settings {
	s.mu.Lock()
	defer s.mu.Unlock()
	if change != nil {
		change(&s.settings)
	}
	return s.settings
}

// Reset forgets what was proxied. The settings stay: they are not what the phone did, but where it is.
func (s *Service) Reset() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.proxied = nil
	return nil
}
