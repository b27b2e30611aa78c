package main

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/url"
)

// banner shows where everything is, and the main job as lines to paste.
func (d *demo) banner() string {
	n, c, portal, bot := d.notes, d.notes.Clients["tienda"], d.notes.Clients["miEtb"], d.notes.Clients["chatbot"]
	hub := n.Clients[partner]
	key16, _ := base64.StdEncoding.DecodeString(n.Hub.Key16) // tellPhone had it read
	return fmt.Sprintf(`
Puente %s is ready.

  public      %s    experience APIs
  operations  %s    /metrics /livez /readyz /admin/v1
  sandbox     %s    the third-party systems, played
  data        %s    demo.json has every address and secret

Portabilities: ask for the NIP of the sample's line.

  TOKEN=$(curl -s -u %s:%s -d grant_type=client_credentials %s | sed 's/.*"access_token":"\([^"]*\)".*/\1/')
  curl -i %s/v1/salesOrder/portabilities/portabilidades \
    -H "Authorization: Bearer $TOKEN" -H 'X-System-Name: TIENDA' -H 'Content-Type: application/json' \
    -d '{"date":"2025-05-25T00:00:00","nip":"","numOrder":"MDM-PLTE-022944","operator":"FAKE","operatorCode":"00036","planType":"2","phone":"3000000019","resend":false,"extendedMonth":true,"order":{"flow":"LTE"}}'

Reconexion: the sample of its document, with the token of the portal.

  TOKEN=$(curl -s -u %s:%s -d grant_type=client_credentials %s | sed 's/.*"access_token":"\([^"]*\)".*/\1/')
  curl -i %s/api/services/v2/reconexion -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' \
    -d '{"WSRequestHeader":{"System":{"name":"MiETB","correlationID":"MIETB-31072025-131528403","processingServer":null},"Property":[]},"WSRequestBody":{"Audit":{"Canal":"WEB"},"Document_Number":"1026578508","Document_Type":"CC","Phone":"SR-50452171"}}'

Television: the sample of its document, with the token of the chatbot; then the same with v2/normalizetv.

  TOKEN=$(curl -s -u %s:%s -d grant_type=client_credentials %s | sed 's/.*"access_token":"\([^"]*\)".*/\1/')
  curl -i %s/api/soporte1n/v1/validatetv -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' \
    -d '{"WSRequestHeader":{"System":{"name":"MAX","correlationID":"LUZ-0.2609072297485403","processingServer":null},"Property":[]},"WSRequestBody":{"Phone":"6012450001","Audit":{"Canal":"whatsapp"}}}'

Partner hub: charge a product to a line, with the token of the demo's partner.

  TOKEN=$(curl -s -d grant_type=client_credentials -d client_id=%s -d client_secret=%s %s | sed 's/.*"access_token":"\([^"]*\)".*/\1/')
  curl -i %s/charge -H "Authorization: Bearer $TOKEN" -H 'Content-Type: application/json' \
    -d '{"userIdentifier":"56912345678","userIdentifierType":"00","pricepointId":201507,"partnerId":52272,"serviceId":2000001784,"productId":1000000001,"entryChannel":"WEB","shortCode":"8888","date":"20260101100000"}'
  curl -s %s     what the partner was told

Landing pages: open the page, type 56912340000, read the PIN at the phone, and land at the partner with a token.

  %s
  %s     the phone; by it, too, the way over the operator's network
  curl -s %s | sed 's/.*"partner":"52272","token":"\([^"]*\)".*/\1/' | openssl enc -d -aes-128-ecb -base64 -A -K %s     what the token says

  bin/puente audit show <X-Correlation-ID of the answer>     what happened, layer by layer
  curl -s %s/_sandbox/ledger/botservice     what the third party did

Ctrl-C stops everything.

`, n.Version, n.Public, n.Ops, n.Sandbox, d.dir, url.QueryEscape(c.ID), url.QueryEscape(c.Secret), n.TokenURL, n.Public,
		url.QueryEscape(portal.ID), url.QueryEscape(portal.Secret), n.TokenURL, n.Public,
		url.QueryEscape(bot.ID), url.QueryEscape(bot.Secret), n.TokenURL, n.Public,
		url.QueryEscape(hub.ID), url.QueryEscape(hub.Secret), hub.TokenURLs["charge"], n.Public, n.Hub.Told,
		n.Landing.URL, n.Landing.Phone, n.Hub.Told, hex.EncodeToString(key16), n.Sandbox)
}
