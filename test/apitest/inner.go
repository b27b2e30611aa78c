package apitest

import (
	"fmt"
	"net/http"
	"strings"

	"puente/shared/contract"
	"puente/shared/hop"
)

// sign makes a request to an inner API what a hop of the layer above would be. The nonce is empty
// where the file signs for itself: then nothing proves the answer, either.
func (p *player) sign(req *http.Request, op *contract.Operation, m *message, body []byte) (sealed []byte, nonce string, err error) {
	_, sealsItself := m.get("Content-Type")
	if op != nil && op.MediaType == hop.JOSE && !sealsItself {
		if body, err = p.sealer.Encrypt(body); err != nil {
			return nil, "", err
		}
		req.Header.Set("Content-Type", hop.JOSE)
	}
	if _, given := m.get("Authorization"); given {
		return body, "", nil
	}
	principal, _ := m.get(principalHeader)
	token, nonce := p.services.Sign("apitest", p.api.Contract.Layer, req.Method+" "+req.URL.RequestURI(), body, parsePrincipal(principal))
	req.Header.Set("Authorization", token)
	return body, nonce, nil
}

// unseal checks that an answer proves to come from the API, and opens it.
func (p *player) unseal(got *received, status int, nonce string) (err error) {
	if !p.services.Answered(nonce, status, got.body, got.header.Get(hop.ServiceHeader)) {
		return fmt.Errorf("the answer does not prove to be the API's: %s %s", got.start, got.body)
	}
	if got.header.Get("Content-Type") == hop.JOSE {
		if got.body, _, err = p.sealer.Decrypt(got.body); err != nil {
			return fmt.Errorf("open the answer: %w", err)
		}
	}
	return nil
}

// principalHeader shows, in files, on whose behalf a hop is made: client/system/channel.
const principalHeader = "Principal"

func parsePrincipal(text string) hop.Principal {
	parts := strings.SplitN(text+"//", "/", 4)
	return hop.Principal{Client: parts[0], System: parts[1], Channel: parts[2]}
}

func formatPrincipal(p hop.Principal) string { return p.Client + "/" + p.System + "/" + p.Channel }
