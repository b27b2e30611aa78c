package main

import (
	"encoding/base64"
	"fmt"

	"puente/test/sandbox/mobile"
	tokens "puente/test/sandbox/partner"
)

// landingNote is where the landing pages are tried: partners' links to two of them, and a phone that gets the
// PIN.
type landingNote struct {
	URL   string `json:"url"`   // of campaign juegos: 52272's, whose tokens are ecb-pkcs5
	Music string `json:"music"` // of campaign musica: 60001's, gcm
	Phone string `json:"phone"` // and the way over the operator's network
}

// campaigns are those of partners.yaml, with what a partner's link says of each.
var campaigns = []mobile.Campaign{
	{Name: "juegos", Title: "Juegos ilimitados", Query: "partnerId=52272&serviceId=2000001784&productId=1020&tid=QWERT&tokenEncoded=true", ShortCode: "8888", Keyword: "JUEGOS"},
	{Name: "musica", Title: "Música sin fin", Query: "partnerId=60001&serviceId=2000001785&productId=1030&tid=QWERT&tokenEncoded=true", ShortCode: "7777", Keyword: "MUSICA"},
	{Name: "vidas", Title: "Vidas extra", Query: "partnerId=52272&serviceId=2000001784&productId=1000000001&tid=QWERT&tokenEncoded=true", ShortCode: "8888"},
}

// tellPhone tells the sandbox's phone where the landing pages are, and its partners the keys of their tokens.
func (d *demo) tellPhone() error {
	at := d.sandbox.Mobile.Configure(func(s *mobile.Settings) { s.Public, s.Campaigns = d.notes.Public, campaigns })
	d.notes.Landing = landingNote{
		URL: at.Link(campaigns[0]), Music: at.Link(campaigns[1]), Phone: d.notes.Sandbox + "/mobile?msisdn=56912340000",
	}
	for id, held := range map[string]struct {
		scheme tokens.Scheme
		key    string
	}{"52272": {tokens.ECBPKCS5, d.notes.Hub.Key16}, "60001": {tokens.GCM, d.notes.Hub.Key32}} {
		secret, err := base64.StdEncoding.DecodeString(held.key)
		if err == nil {
			err = d.sandbox.Partner.Hold(id, tokens.Keys{Scheme: held.scheme, Keys: []tokens.Key{{ID: "k1", Secret: secret}}})
		}
		if err != nil {
			return fmt.Errorf("key of partner %s: %w", id, err)
		}
	}
	return nil
}
