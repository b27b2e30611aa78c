package reconexion

import (
	"github.com/go-json-experiment/json/jsontext"

	"puente/shared/envelope"
)

// Response is schema Response, in the member order and casing of the document's sample.
type Response struct {
	Status int `json:"-"` // of HTTP

	Header ResponseHeader `json:"WSResponseHeader"`
	Body   Result         `json:"WSResponseBody"`
}

// HTTPStatus is what the typologies give the answer.
func (r Response) HTTPStatus() int { return r.Status }

// ResponseHeader is schema ResponseHeader.
type ResponseHeader struct {
	System   System           `json:"System"`
	Service  envelope.Service `json:"Service"`
	Property []jsontext.Value `json:"Property"` // as sent
}

// System is schema System: the caller, echoed, and who answered.
type System struct {
	Name             *string `json:"Name"`
	CorrelationID    *string `json:"CorrelationID"`
	ProcessingServer *string `json:"ProcessingServer"`
}

// Result is schema Result: an order with its CUN, or a PQR, which need not have one.
type Result struct {
	CUN         *string `json:"CUN"`
	OrderNumber *string `json:"Order_Number"`
	PQRNumber   *string `json:"Num_PQR"`
}

// BatchResponse is schema BatchResponse.
type BatchResponse struct {
	Status int `json:"-"` // of HTTP

	Header ResponseHeader `json:"WSResponseHeader"`
	Body   Batch          `json:"WSResponseBody"`
}

// HTTPStatus is what the typologies give the answer.
func (r BatchResponse) HTTPStatus() int { return r.Status }

// Batch is schema Batch.
type Batch struct {
	ID     string        `json:"Batch_Id"`
	Status BatchStatus   `json:"Status"`
	Total  int           `json:"Total"`
	Done   int           `json:"Done"`
	Items  []BatchResult `json:"Items"`
}

// BatchStatus says whether a batch is over.
type BatchStatus string

// The states of a batch.
const (
	BatchRunning BatchStatus = "RUNNING"
	BatchDone    BatchStatus = "DONE"
)

// BatchResult is schema BatchResult: one item's.
type BatchResult struct {
	CorrelationID string     `json:"CorrelationID"`
	Phone         string     `json:"Phone"`
	Status        ItemStatus `json:"Status"`
	Code          *string    `json:"Code"` // OK_01, ERROR_06 to ERROR_10; null while it is pending
	CUN           *string    `json:"CUN"`
	OrderNumber   *string    `json:"Order_Number"`
	PQRNumber     *string    `json:"Num_PQR"`
}

// ItemStatus says whether an item is over.
type ItemStatus string

// The states of an item.
const (
	ItemPending ItemStatus = "PENDING"
	ItemDone    ItemStatus = "DONE"
)

// ErrorResponse is schema ErrorResponse.
type ErrorResponse struct {
	Header ErrorHeader    `json:"WSResponseHeader"`
	Body   jsontext.Value `json:"WSResponseBody"` // always null
}

// ErrorHeader is schema ErrorHeader.
type ErrorHeader struct {
	System   System           `json:"System"`
	Service  ErrorService     `json:"Service"`
	Property []jsontext.Value `json:"Property"` // as sent
}

// ErrorService is schema ErrorService.
type ErrorService struct {
	Status       string        `json:"Status"`
	Code         string        `json:"Code"`
	Message      *string       `json:"Message"`
	StatusDetail []ErrorDetail `json:"StatusDetail"`
}

// ErrorDetail is schema ErrorDetail.
type ErrorDetail struct {
	Code    string  `json:"Code"`
	Message *string `json:"Message"`
	Detail  *string `json:"Detail"`
}
