package conformance

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/google/uuid"

	"puente/contracts/papi/subscription"
	"puente/contracts/xapi/partnerhub"
	"puente/shared/admin"
)

// employ makes the demo's client one of a partner.
func (p *platform) employ(ctx context.Context, partner string) error {
	c := p.notes.Clients.Partner
	spec, err := json.Marshal(map[string]any{
		"partner": partner, "secret": c.Secret, "apis": []subscription.API{subscription.APICharge, subscription.APISendMT, subscription.APISubOptOut},
	})
	if err != nil {
		return err
	}
	document, err := json.Marshal(admin.Entity{Kind: "PartnerClient", ID: c.ID, Spec: spec})
	if err == nil {
		_, err = p.admin.Apply(ctx, document)
	}
	return err
}

// token is one of the partner's for an API, as it gets it (specification §3). Each call gets one of its own, for
// business time is moved between them.
func (p *platform) token(ctx context.Context, api subscription.API) (string, error) {
	c := p.notes.Clients.Partner
	form := url.Values{"client_id": {c.ID}, "client_secret": {c.Secret}, "grant_type": {"client_credentials"}}
	var token partnerhub.Token
	err := p.post(ctx, c.TokenURLs[string(api)], "application/x-www-form-urlencoded", "", []byte(form.Encode()), &token)
	return token.AccessToken, err
}

// call calls an operation with a token of api, and wants it done.
func (p *platform) call(ctx context.Context, api subscription.API, path string, body, into any) error {
	token, err := p.token(ctx, api)
	if err != nil {
		return err
	}
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	return p.post(ctx, p.notes.Public+path, "application/json", token, text, into)
}

// post posts to the public edge. Whatever the partner's pairing of statuses, what was not done is an error, with the
// cause that the edge names.
func (p *platform) post(ctx context.Context, target, media, token string, body []byte, into any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, target, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", media)
	req.Header.Set("Idempotency-Key", uuid.NewString())
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := p.http.Do(req)
	if err != nil {
		return err
	}
	answer, err := bodyOf(resp)
	if err != nil {
		return err
	}
	var result struct {
		Status  *partnerhub.Status
		Message string
	}
	err = json.Unmarshal(answer, &result)
	if err == nil && resp.StatusCode == http.StatusOK && (result.Status == nil || *result.Status == partnerhub.StatusDone) {
		return json.Unmarshal(answer, into)
	}
	said := fmt.Sprintf("POST %s: %d", req.URL.Path, resp.StatusCode)
	if result.Status != nil {
		said += fmt.Sprintf(" status %s %q", *result.Status, result.Message)
	}
	return errors.New(strings.TrimSpace(said + " " + resp.Header.Get("X-Hub-Reason")))
}

// charge charges the product to the line on demand (specification §4.1).
func (t *trial) charge(ctx context.Context) error {
	p := t.product
	var done partnerhub.Result
	return t.call(ctx, subscription.APICharge, "/charge", partnerhub.ChargeRequest{
		UserIdentifier: t.user.msisdn, UserIdentifierType: partnerhub.Type00, PricepointID: p.point.ID, PartnerID: number(p.partner.id), ServiceID: number(p.service.id),
		ProductID: number(p.id), EntryChannel: p.channel(), ShortCode: p.shortCode(), TID: tid,
	}, &done)
}

// message sends the line a message of the partner's, and wants it at the phone (specification §4.2). Texts differ, so
// that each is known; none has a letter that is transliterated.
func (t *trial) message(ctx context.Context) error {
	p := t.product
	t.messages++
	text := "Mensaje de prueba " + strconv.Itoa(t.messages)
	var done partnerhub.Result
	err := t.call(ctx, subscription.APISendMT, "/sendmt", partnerhub.MessageRequest{
		UserIdentifier: t.user.msisdn, UserIdentifierType: partnerhub.MessageType00, PartnerID: number(p.partner.id), ServiceID: number(p.service.id),
		ProductID: number(p.id), EntryChannel: p.channel(), Text: text, ShortCode: p.shortCode(),
	}, &done)
	if err != nil {
		return err
	}
	return t.soon(ctx, "the phone does not have the message", func() (bool, error) {
		inbox, err := t.user.inbox(ctx)
		for _, m := range inbox {
			if m.Text == text && m.From != p.shortCode() {
				return false, fmt.Errorf("the message came from %s, not from %s", m.From, p.shortCode())
			}
			if m.Text == text {
				return true, nil
			}
		}
		return false, err
	})
}

// optOut ends the subscription (specification §4.3).
func (t *trial) optOut(ctx context.Context) error {
	p := t.product
	var done partnerhub.OptOutResult
	return t.call(ctx, subscription.APISubOptOut, "/suboptout", partnerhub.OptOutRequest{
		UserIdentifier: t.user.msisdn, UserIdentifierType: partnerhub.Type00, PartnerID: number(p.partner.id), ServiceID: number(p.service.id),
		ProductID: number(p.id), EntryChannel: p.channel(),
	}, &done)
}

// redirect leaves for the partner and has the token verified there, by the partner's key and by the hub's own operation
// (specification §8).
func (t *trial) redirect(ctx context.Context, result page) error {
	p := t.product
	switch r := p.partner.spec.Redirect; {
	case len(r.Keys) == 0:
		return fmt.Errorf("partner %s has no redirect.keys", p.partner.id)
	case r.SuccessURL == "" && len(r.URLs) == 0:
		return fmt.Errorf("partner %s has neither redirect.successUrl nor redirect.urls", p.partner.id)
	}
	token, err := t.user.leave(ctx, result, p)
	if err != nil {
		return err
	}
	var said partnerhub.Verified
	if err := t.call(ctx, subscription.APICharge, "/token/verify", partnerhub.VerifyRequest{Token: token}, &said); err != nil {
		return err
	}
	if said.UserIdentifier != t.user.msisdn || said.ProductID != number(p.id) || said.TID != tid {
		return fmt.Errorf("/token/verify says product %d and tid %s, or another line", said.ProductID, said.TID)
	}
	return nil
}
