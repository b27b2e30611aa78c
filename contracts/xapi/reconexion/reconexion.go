// Package reconexion is the contract of the experience API that reconnects suspended services
// (source document: Servicio de Reconexión v2).
package reconexion

import (
	_ "embed"

	"puente/shared/envelope"
	"puente/shared/hop"
)

//go:embed openapi.yaml
var spec []byte

// Contract is this API, as its document promises it.
var Contract = hop.Contract{Layer: "xapi", Name: "reconexion", Spec: spec}

// Operations of the contract; method, path and status come from its document.
var (
	Reconnect  = hop.Operation[Request, Response]{Contract: &Contract, ID: "reconnect"}
	StartBatch = hop.Operation[BatchRequest, BatchResponse]{Contract: &Contract, ID: "startBatch"}
	GetBatch   = hop.Operation[BatchQuery, BatchResponse]{Contract: &Contract, ID: "getBatch"}
)

// Codes beside those that every enveloped API has.
const (
	CodeNoService    = "ERROR_06"
	CodeNotSuspended = "ERROR_07"
	CodeNotHolder    = "ERROR_08"
	CodeNoStrategy   = "ERROR_09"
	CodeNoBatch      = "ERROR_31"
)

// Request is schema Request: what is inside the envelope.
type Request struct {
	Caller envelope.Header `json:"-"`

	Audit          *envelope.Audit `json:"Audit,omitempty"`
	DocumentNumber string          `json:"Document_Number"`
	DocumentType   DocumentType    `json:"Document_Type"`
	Phone          string          `json:"Phone"` // the connection: SR-50452171, or a national number of 10 digits
}

// Carry takes the caller context.
func (r *Request) Carry(h envelope.Header) { r.Caller = h }

// DocumentType is the kind of an identity document.
type DocumentType string

// The kinds of identity documents.
const (
	CC  DocumentType = "CC"  // cédula de ciudadanía
	CE  DocumentType = "CE"  // cédula de extranjería
	NIT DocumentType = "NIT" // of a company
	TI  DocumentType = "TI"  // tarjeta de identidad
	PA  DocumentType = "PA"  // passport
	PEP DocumentType = "PEP" // permiso especial de permanencia
	PPT DocumentType = "PPT" // permiso por protección temporal
	RC  DocumentType = "RC"  // registro civil
)

// BatchRequest is schema BatchRequest: 1 to 500 items.
type BatchRequest struct {
	Caller envelope.Header `json:"-"`

	Audit *envelope.Audit `json:"Audit,omitempty"`
	Items []BatchItem     `json:"Items"`
}

// Carry takes the caller context.
func (r *BatchRequest) Carry(h envelope.Header) { r.Caller = h }

// BatchItem is schema BatchItem.
type BatchItem struct {
	CorrelationID  string       `json:"CorrelationID,omitempty"`
	DocumentNumber string       `json:"Document_Number"`
	DocumentType   DocumentType `json:"Document_Type"`
	Phone          string       `json:"Phone"`
}

// BatchQuery asks for a batch.
type BatchQuery struct {
	Caller envelope.Header `json:"-"`

	ID string `uri:"id" json:"-"`
}

// Carry takes the caller context.
func (r *BatchQuery) Carry(h envelope.Header) { r.Caller = h }
