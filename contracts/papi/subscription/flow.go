package subscription

import (
	"context"
	"time"

	"puente/shared/hop"
)

// FlowRequest is schema FlowRequest: somebody wants a product. MSISDN is as typed, and gets a PIN; without
// one Handle names what the operator's header told of a plain request.
type FlowRequest struct {
	Campaign  string `json:"campaign"`
	PartnerID int64  `json:"partnerId"`
	ServiceID int64  `json:"serviceId"`
	ProductID int64  `json:"productId"`
	Channel   string `json:"channel"`
	TID       string `json:"tid,omitempty"`
	MSISDN    string `json:"msisdn,omitempty"`
	Handle    string `json:"handle,omitempty"`
	Address   string `json:"address"` // of the browser
	UserAgent string `json:"userAgent,omitempty"`
}

// HandleRequest is schema HandleRequest: a plain request to a campaign, over the operator's network.
type HandleRequest struct {
	Campaign   string     `json:"campaign"`
	Enrichment Enrichment `json:"enrichment"`
	Address    string     `json:"address"` // of the browser, as far as the edge knows it
	UserAgent  string     `json:"userAgent,omitempty"`
}

// Handle is schema Handle: 128 random bits in place of a number, good once and for a minute.
type Handle struct {
	Handle string `json:"handle"`
}

// Enrichment is schema Enrichment: what was received of a plain request over the operator's network.
type Enrichment struct {
	Headers   []Header `json:"headers"`
	Peer      string   `json:"peer"`
	Forwarded string   `json:"forwarded,omitempty"`
}

// Header is schema Header: one line.
type Header struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// Flow is schema Flow: what is offered to whom, until it is confirmed or ends.
type Flow struct {
	ID        string    `json:"id"`
	Proof     Proof     `json:"proof"`
	Masked    string    `json:"masked"` // the number, as it may be shown
	Amount    int64     `json:"amount"` // minor units
	Currency  string    `json:"currency"`
	ExpiresAt time.Time `json:"expiresAt"`
	ResendAt  time.Time `json:"resendAt,omitzero"` // of ProofPIN: not before it a PIN is sent again
}

// Proof is how the owner of a line shows that it is theirs.
type Proof string

// The proofs.
const (
	ProofPIN Proof = "PIN"
	ProofHE  Proof = "HE" // the operator's header, and two confirmations
)

// FlowQuery is schema FlowQuery.
type FlowQuery struct {
	ID string `json:"id"`
}

// Confirmation is schema Confirmation: the user agreed to what was shown.
type Confirmation struct {
	ID        string   `json:"id"`
	PIN       string   `json:"pin,omitempty"`   // of ProofPIN
	Texts     string   `json:"texts"`           // version of the texts that were shown
	Shown     string   `json:"shown,omitempty"` // what they said of what is agreed to, line by line
	Screens   []string `json:"screens"`         // in the order in which they were confirmed; of ProofHE two at least
	Amount    int64    `json:"amount"`          // as shown
	Currency  string   `json:"currency"`
	Address   string   `json:"address"`
	UserAgent string   `json:"userAgent,omitempty"`
}

// Enrolment is schema Enrolment: what came of a flow.
type Enrolment struct {
	State          EnrolmentState `json:"state"`
	Reason         string         `json:"reason,omitempty"` // of EnrolmentDeclined
	SubscriptionID int64          `json:"subscriptionId,omitempty"`
	NextCharge     *time.Time     `json:"nextCharge,omitempty"`
	MSISDN         string         `json:"msisdn,omitempty"`   // of a partner that may have it in clear
	Redirect       string         `json:"redirect,omitempty"` // token for the partner, where it has keys; sealed for it
}

// EnrolmentState is what came of a flow.
type EnrolmentState string

// The states. After EnrolmentProcessing the charge's outcome is not known yet.
const (
	EnrolmentPending    EnrolmentState = "PENDING"
	EnrolmentActive     EnrolmentState = "ACTIVE"
	EnrolmentAlready    EnrolmentState = "ALREADY_ACTIVE" // nothing was charged
	EnrolmentConsented  EnrolmentState = "CONSENTED"      // of a one-shot product
	EnrolmentProcessing EnrolmentState = "PROCESSING"
	EnrolmentDeclined   EnrolmentState = "DECLINED"
	EnrolmentEnded      EnrolmentState = "ENDED" // expired, superseded or dead
)

// MintHandle keeps what the operator's header told. Errors: Invalid MSISDN_INVALID, where it told nothing;
// Conflict OFFER_UNKNOWN, where there is no such campaign.
func (c *Client) MintHandle(ctx context.Context, in HandleRequest) (Handle, error) {
	return hop.Call(ctx, c.peer, MintHandle, in)
}

// StartFlow begins a flow, and sends a PIN. Errors: those of the number and of the flow, Rejected
// HANDLE_INVALID, Quota PIN_QUOTA.
func (c *Client) StartFlow(ctx context.Context, in FlowRequest) (Flow, error) {
	return hop.Call(ctx, c.peer, StartFlow, in)
}

// ResendPIN sends another PIN, which alone is good from then on. Errors: Conflict FLOW_ENDED, Quota PIN_QUOTA.
func (c *Client) ResendPIN(ctx context.Context, in FlowQuery) (Flow, error) {
	return hop.Call(ctx, c.peer, ResendPIN, in)
}

// ConfirmFlow records the consent and, for a subscription, makes the first charge. Errors: Conflict
// FLOW_ENDED, Rejected PIN_WRONG.
func (c *Client) ConfirmFlow(ctx context.Context, in Confirmation) (Enrolment, error) {
	return hop.Call(ctx, c.peer, ConfirmFlow, in)
}

// QueryEnrolment tells what came of a flow. Error: NotFound.
func (c *Client) QueryEnrolment(ctx context.Context, in FlowQuery) (Enrolment, error) {
	return hop.Call(ctx, c.peer, QueryEnrolment, in)
}
