package enrolment

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"github.com/go-json-experiment/json"
	"github.com/jackc/pgx/v5"

	contract "puente/contracts/papi/subscription"
	"puente/contracts/sapi/headerenrichment"
	"puente/papi/subscription/catalogue"
	"puente/papi/subscription/line"
	"puente/papi/subscription/sql"
	"puente/papi/subscription/tally"
	"puente/shared/database"
	"puente/shared/problem"
)

// told is what the operator's header told of a plain request: whose line it came over, and who says so.
type told struct {
	MSISDN string `json:"msisdn"`
	source
}

// handleSize is that of a handle, in bytes: who guesses does not hit one within its minute.
const handleSize = 16

func handled(hash []byte) string { return "subscription.handles/" + hex.EncodeToString(hash) }

func (f *Flows) handleKey(handle string) []byte {
	key := f.ring.MAC("subscription.handles", []byte(handle))
	return key[:]
}

// visitor is who may use a handle: the one for whom it was made, as far as that can be told.
func (f *Flows) visitor(campaign, agent, address string) []byte {
	if !f.config.Handles.BindAddress {
		address = ""
	}
	key := f.ring.MAC("subscription.handles.visitor", []byte(strings.ToLower(campaign)), []byte(agent), []byte(tally.Address(address)))
	return key[:]
}

// MintHandle is the operation of that name.
func (f *Flows) MintHandle(ctx context.Context, in contract.HandleRequest) (contract.Handle, error) {
	o, err := running(f.catalogue.Snapshot(), in.Campaign)
	if err != nil {
		return contract.Handle{}, err
	}
	partner := o.product.Partner()
	what, err := f.ask(ctx, in.Enrichment, partner)
	if err != nil {
		if errors.Is(err, problem.Invalid) {
			f.metrics.step(partner.ID, o.product.ID, contract.ProofHE, stepNotTold)
		}
		return contract.Handle{}, err
	}
	text, err := json.Marshal(what, json.Deterministic(true))
	if err != nil {
		return contract.Handle{}, fmt.Errorf("write handle: %w", err)
	}
	random := make([]byte, handleSize)
	_, _ = rand.Read(random) // never fails (crypto/rand)
	handle := base64.RawURLEncoding.EncodeToString(random)
	hash := f.handleKey(handle)
	err = sql.New(f.db).AddHandle(ctx, sql.AddHandleParams{
		Hash: hash, Visitor: f.visitor(in.Campaign, in.UserAgent, device(in)), Told: f.ring.Seal(handled(hash), text), ExpiresAt: f.now().Add(f.config.Handles.Life),
	})
	if err != nil {
		return contract.Handle{}, database.Problem(fmt.Errorf("add handle: %w", err))
	}
	f.metrics.step(partner.ID, o.product.ID, contract.ProofHE, stepMinted)
	return contract.Handle{Handle: handle}, nil
}

// device is from where a browser will come on TLS, past the operator's proxy, after a plain request that its
// header was believed of. A proxy that ends connections says for whom it calls; one that does not leaves the
// device's address as the peer's, and then an edge of ours says that. So what is said counts, and it is the
// word of one who was trusted with more. A device that forges it makes a handle of its own line for another
// one: it lends out what only it pays for.
func device(in contract.HandleRequest) string {
	if _, err := netip.ParseAddr(in.Enrichment.Forwarded); err == nil {
		return in.Enrichment.Forwarded
	}
	return in.Address
}

// ask has the operator's header read. One that tells nothing, or nobody who could read it, is as a number
// that is not one: the page asks for it, and a PIN shows whose it is (specification §10 F2).
func (f *Flows) ask(ctx context.Context, in contract.Enrichment, partner *catalogue.Partner) (told, error) {
	request := headerenrichment.Request{Peer: in.Peer, Forwarded: in.Forwarded}
	for _, h := range in.Headers {
		request.Headers = append(request.Headers, headerenrichment.Header(h))
	}
	found, err := f.enrichment.Resolve(ctx, request)
	switch {
	case err != nil && ctx.Err() != nil:
		return told{}, fmt.Errorf("resolve enrichment: %w", err)
	case err != nil:
		f.log.WarnContext(ctx, "header enrichment cannot be asked", "error", err)
		return told{}, &problem.Error{Kind: problem.Invalid, Code: contract.CodeMSISDNInvalid, Err: err}
	case found.Reason != "":
		return told{}, &problem.Error{Kind: problem.Invalid, Code: contract.CodeMSISDNInvalid, Err: errors.New(string(found.Reason))}
	}
	msisdn, err := line.Parse(partner, found.MSISDN)
	return told{msisdn, source{Operator: found.Operator, Peer: in.Peer, Forwarded: in.Forwarded}}, err
}

// use takes a handle, of which nothing is left: also where it is expired or another visitor's, for whoever
// brings it then has no right to it.
func (f *Flows) use(ctx context.Context, in contract.FlowRequest) (what told, err error) {
	hash := f.handleKey(in.Handle)
	row, err := sql.New(f.db).UseHandle(ctx, hash)
	if errors.Is(err, pgx.ErrNoRows) {
		return what, errHandle
	}
	if err != nil {
		return what, database.Problem(fmt.Errorf("use handle: %w", err))
	}
	if !row.ExpiresAt.After(f.now()) || !hmac.Equal(row.Visitor, f.visitor(in.Campaign, in.UserAgent, in.Address)) {
		return what, errHandle
	}
	text, err := f.ring.Open(handled(hash), row.Told)
	if err == nil {
		err = json.Unmarshal(text, &what)
	}
	if err != nil {
		return what, fmt.Errorf("read handle: %w", err)
	}
	return what, nil
}
