package redirect

import (
	"encoding/base64"
	"fmt"
	"slices"

	"puente/papi/subscription/catalogue"
)

// Of makes ready the tokens of a partner that has keys, by its document.
func Of(p *catalogue.Partner) (*Tokens, error) {
	profile := Profile{
		Scheme: Scheme(p.Redirect.Scheme), Partner: p.ID, Untimed: p.Redirect.Timed != nil && !*p.Redirect.Timed,
		MSISDN: func(s string) bool { return p.Country.Code.Canonical(s) || slices.Contains(p.SandboxMSISDNs, s) },
	}
	if profile.Scheme == GCM {
		profile.Untimed = false // it is always timed, whatever the document says
	}
	for i, k := range p.Redirect.Keys {
		secret, err := base64.StdEncoding.DecodeString(k.Secret.Reveal())
		if err != nil {
			return nil, fmt.Errorf("redirect: keys[%d].secret: must be base64", i)
		}
		profile.Keys = append(profile.Keys, Key{ID: k.ID, Secret: secret})
	}
	return New(profile)
}
