// Package landing is the contract of the experience API of landing pages, on which the owner of a line
// agrees to what a partner offers (source document: Partner Hub Platform, v1.7).
package landing

import (
	_ "embed"

	"puente/shared/hop"
)

//go:embed openapi.yaml
var spec []byte

// Contract is this API, as its document promises it.
var Contract = hop.Contract{Layer: "xapi", Name: "landing", Spec: spec}

// Operations of the contract; method, path and status come from its document. They write their own answers:
// pages, redirects and files.
var (
	ShowOffer        = hop.Operation[Entry, hop.Raw]{Contract: &Contract, ID: "showOffer"}
	ShowAnuncio      = hop.Operation[Entry, hop.Raw]{Contract: &Contract, ID: "showAnuncio"}
	Bootstrap        = hop.Operation[Entry, hop.Raw]{Contract: &Contract, ID: "bootstrap"}
	EnterNumber      = hop.Operation[Number, hop.Raw]{Contract: &Contract, ID: "enterNumber"}
	ShowPIN          = hop.Operation[Visit, hop.Raw]{Contract: &Contract, ID: "showPIN"}
	ConfirmPIN       = hop.Operation[PIN, hop.Raw]{Contract: &Contract, ID: "confirmPIN"}
	ResendPIN        = hop.Operation[Step, hop.Raw]{Contract: &Contract, ID: "resendPIN"}
	ShowKnownOffer   = hop.Operation[Visit, hop.Raw]{Contract: &Contract, ID: "showKnownOffer"}
	AcceptOffer      = hop.Operation[Step, hop.Raw]{Contract: &Contract, ID: "acceptOffer"}
	ShowConfirmation = hop.Operation[Visit, hop.Raw]{Contract: &Contract, ID: "showConfirmation"}
	ConfirmOffer     = hop.Operation[Step, hop.Raw]{Contract: &Contract, ID: "confirmOffer"}
	ShowResult       = hop.Operation[Visit, hop.Raw]{Contract: &Contract, ID: "showResult"}
	ReturnToPartner  = hop.Operation[Visit, hop.Raw]{Contract: &Contract, ID: "returnToPartner"}
	GetStyle         = hop.Operation[Style, hop.Raw]{Contract: &Contract, ID: "getStyle"}
	GetFile          = hop.Operation[File, hop.Raw]{Contract: &Contract, ID: "getFile"}
)

// Entry is how a visitor comes, by a partner's link or over the operator's network.
type Entry struct {
	Campaign     string `uri:"campaign" json:"-"`
	PartnerID    int64  `form:"partnerId" json:"-"`
	ServiceID    int64  `form:"serviceId" json:"-"`
	ProductID    int64  `form:"productId" json:"-"`
	TID          string `form:"tid" json:"-"`
	SuccessURL   string `form:"SuccessUrl" json:"-"`
	ErrorURL     string `form:"ErrorUrl" json:"-"`
	TokenEncoded string `form:"tokenEncoded" json:"-"` // true, 1, false or 0
	Handle       string `form:"he" json:"-"`
	Language     string `form:"lang" json:"-"` // es or en
}

// Visit is a page of a visit.
type Visit struct {
	Campaign string `uri:"campaign" json:"-"`
	Visit    string `form:"visit" json:"-"` // sealed
}

// Number is schema Number.
type Number struct {
	Campaign string   `uri:"campaign" json:"-"`
	Visit    string   `json:"visit"`
	MSISDN   string   `json:"msisdn,omitempty"`
	Operator Operator `json:"operator,omitempty"`
}

// Operator is whose line somebody says that theirs is.
type Operator string

// The operators: the one that the product is for, or any other.
const (
	Own   Operator = "own"
	Other Operator = "other"
)

// PIN is schema PIN.
type PIN struct {
	Campaign string `uri:"campaign" json:"-"`
	Visit    string `json:"visit"`
	PIN      string `json:"pin,omitempty"`
}

// Step is schema Step: a form that has nothing but a button.
type Step struct {
	Campaign string `uri:"campaign" json:"-"`
	Visit    string `json:"visit"`
}

// Style asks for the pages' style.
type Style struct {
	Campaign string `uri:"campaign" json:"-"`
	Colours  string `form:"c" json:"-"`
	Version  string `form:"v" json:"-"`
}

// File asks for a file of the pages.
type File struct {
	Name    string `uri:"file" json:"-"`
	Version string `form:"v" json:"-"`
}
