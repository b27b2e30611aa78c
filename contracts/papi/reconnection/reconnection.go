// Package reconnection is the contract of the process API that reconnects suspended services (source
// document: Servicio de Reconexión v2).
package reconnection

import (
	"context"
	_ "embed"
	"time"

	"puente/shared/hop"
)

//go:embed openapi.yaml
var spec []byte

// Contract is this API, as its document promises it.
var Contract = hop.Contract{Layer: "papi", Name: "reconnection", Spec: spec}

// Operations of the contract; method, path and status come from its document.
var (
	Reconnect  = hop.Operation[Request, Outcome]{Contract: &Contract, ID: "reconnect"}
	StartBatch = hop.Operation[BatchRequest, Batch]{Contract: &Contract, ID: "startBatch"}
	QueryBatch = hop.Operation[BatchQuery, Batch]{Contract: &Contract, ID: "queryBatch"}
	QueryOrder = hop.Operation[NumberQuery, Order]{Contract: &Contract, ID: "queryOrder"}
	QueryPQR   = hop.Operation[NumberQuery, PQR]{Contract: &Contract, ID: "queryPQR"}
)

// Codes of the process's refusals, all of kind Rejected (source document, "Manejo de errores").
const (
	CodeNoService    = "ERROR_06" // the inventory has no such service, or it was withdrawn
	CodeNotSuspended = "ERROR_07"
	CodeNotHolder    = "ERROR_08" // whatever the service's state
	CodeNoStrategy   = "ERROR_09" // the reason of the suspension allows no reconnection
)

// CodeTechnical is the code of a batch's item whose backend failed; of a single request the error says
// it by its kind.
const CodeTechnical = "ERROR_10"

// Request is schema Request.
type Request struct {
	Connection     string `json:"connection"` // SR-50452171, or a national number of 10 digits
	DocumentType   string `json:"documentType"`
	DocumentNumber string `json:"documentNumber"` // punctuation and leading zeros do not count
}

// Outcome is schema Outcome: the order or the PQR of a suspension, never both.
type Outcome struct {
	Kind        Kind   `json:"kind"`
	OrderNumber string `json:"orderNumber,omitempty"`
	CUN         string `json:"cun,omitempty"`
	PQRNumber   string `json:"pqrNumber,omitempty"`
}

// Kind says what became of a request.
type Kind string

// The kinds.
const (
	KindOrder Kind = "ORDER"
	KindPQR   Kind = "PQR"
)

// BatchRequest is schema BatchRequest: 1 to 500 items. Key names it over all its repetitions, with the
// same items.
type BatchRequest struct {
	Key   string      `json:"key"`
	Items []BatchItem `json:"items"`
}

// BatchItem is schema BatchItem.
type BatchItem struct {
	Correlation    string `json:"correlation"`
	Connection     string `json:"connection"`
	DocumentType   string `json:"documentType"`
	DocumentNumber string `json:"documentNumber"`
}

// BatchQuery is schema BatchQuery.
type BatchQuery struct {
	ID string `json:"id"`
}

// Batch is schema Batch. Results are in the order of the items.
type Batch struct {
	ID        string        `json:"id"`
	State     BatchState    `json:"state"`
	Total     int           `json:"total"`
	Done      int           `json:"done"`
	CreatedAt time.Time     `json:"createdAt"`
	Results   []BatchResult `json:"results"`
}

// BatchState says whether a batch is over.
type BatchState string

// The states of a batch.
const (
	BatchRunning BatchState = "RUNNING"
	BatchDone    BatchState = "DONE"
)

// BatchResult is schema BatchResult: one item's. Done has an Outcome or a Code.
type BatchResult struct {
	Correlation string    `json:"correlation"`
	Connection  string    `json:"connection"`
	State       ItemState `json:"state"`
	Outcome     *Outcome  `json:"outcome,omitempty"`
	Code        string    `json:"code,omitempty"` // ERROR_06 to ERROR_10
}

// ItemState says whether an item is over.
type ItemState string

// The states of an item.
const (
	ItemPending ItemState = "PENDING"
	ItemDone    ItemState = "DONE"
)

// NumberQuery is schema NumberQuery.
type NumberQuery struct {
	Number string `json:"number"`
}

// Order is schema Order.
type Order struct {
	Number      string     `json:"number"`
	CUN         string     `json:"cun"`
	State       OrderState `json:"state"`
	CreatedAt   time.Time  `json:"createdAt"`
	CompletedAt *time.Time `json:"completedAt,omitempty"`
}

// OrderState says how far an order has come.
type OrderState string

// The states of an order.
const (
	OrderOpen      OrderState = "OPEN"
	OrderCompleted OrderState = "COMPLETED"
	OrderCancelled OrderState = "CANCELLED"
)

// PQR is schema PQR.
type PQR struct {
	Number     string     `json:"number"`
	CUN        string     `json:"cun,omitempty"`
	Reason     PQRReason  `json:"reason"`
	State      PQRState   `json:"state"`
	CreatedAt  time.Time  `json:"createdAt"`
	ResolvedAt *time.Time `json:"resolvedAt,omitempty"`
}

// PQRReason is why a PQR was filed in place of an order.
type PQRReason string

// The reasons.
const (
	PQROrderNotPossible PQRReason = "ORDER_NOT_POSSIBLE"
	PQRDebtNotSettled   PQRReason = "DEBT_NOT_SETTLED"
)

// PQRState says how far a PQR has come.
type PQRState string

// The states of a PQR.
const (
	PQROpen       PQRState = "OPEN"
	PQRInProgress PQRState = "IN_PROGRESS"
	PQRResolved   PQRState = "RESOLVED"
	PQRClosed     PQRState = "CLOSED"
)

// Client calls the reconnection process API, in this process or in another.
type Client struct{ peer hop.Peer }

// NewClient finds out from d how the API is reached.
func NewClient(d hop.Dialer) *Client { return &Client{d.Peer(&Contract)} }

// Reconnect reconnects a service. Errors: Rejected with one of the codes, and those of any system;
// after Timeout or Unknown an order or PQR may be there, and asking again tells.
func (c *Client) Reconnect(ctx context.Context, in Request) (Outcome, error) {
	return hop.Call(ctx, c.peer, Reconnect, in)
}

// StartBatch reconnects many services in the background. The same key and items name the same batch.
func (c *Client) StartBatch(ctx context.Context, in BatchRequest) (Batch, error) {
	return hop.Call(ctx, c.peer, StartBatch, in)
}

// Batch tells how far a batch has come. Errors: NotFound, also of another client's or system's.
func (c *Client) Batch(ctx context.Context, in BatchQuery) (Batch, error) {
	return hop.Call(ctx, c.peer, QueryBatch, in)
}

// Order finds an order by its number. Errors: NotFound, and those of any system.
func (c *Client) Order(ctx context.Context, in NumberQuery) (Order, error) {
	return hop.Call(ctx, c.peer, QueryOrder, in)
}

// PQR finds a PQR by its number. Errors: NotFound, and those of any system.
func (c *Client) PQR(ctx context.Context, in NumberQuery) (PQR, error) {
	return hop.Call(ctx, c.peer, QueryPQR, in)
}
