// Package web is how landing pages look: typed templates, their texts in Spanish and English, and the
// files that they load. It decides nothing: a page gets what it is to show.
//
//	view.go     what pages get
//	*.templ     the pages; page.go, price.go and result.go, what they make of it
//	texts.go    what they say; es.go, en.go; version.go, which a consent's record names
//	style.go    the style, in a campaign's colours and what colours.go derives from them
//	files.go    the other files; static/ all of them
//
// Every page works without a script. Price and period stand beside the button that agrees to them, and the
// button names the obligation.
package web

import (
	"time"

	"puente/contracts/papi/subscription"
)

// Language is that of a page.
type Language string

// The languages.
const (
	Spanish Language = "es"
	English Language = "en"
)

// Page is what all pages get.
type Page struct {
	Language Language
	Other    string              // URL of the page in the other language; empty: there is none
	Terms    *subscription.Terms // what is offered; nil: of a page that does not know
	Campaign string
	Notice   Notice // above the form, announced to screen readers
}

// Notice is what a page says of what was just done; the zero value says nothing.
type Notice string

// The notices.
const (
	NoticeNumberInvalid Notice = "number_invalid" // no mobile number of the country
	NoticeNumberUnknown Notice = "number_unknown" // MSISDN incorrecto: unknown, or of another operator
	NoticeOtherOperator Notice = "other_operator" // the visitor said so: only lines of the operator may have it
	NoticePINWrong      Notice = "pin_wrong"      // wrong, expired or dead, without saying which
	NoticePINSent       Notice = "pin_sent"       // another one
	NoticePINWait       Notice = "pin_wait"       // not before a minute is over, or no more of them for now
	NoticeTooSoon       Notice = "too_soon"       // the form came before anybody could have read it: once more, please
	NoticeChanged       Notice = "changed"        // the offer was, while it was shown: once more, please
	NoticeUnavailable   Notice = "unavailable"    // nothing was done; once more, in a while
)

// Offer is the first page of a visitor whose number is not known.
type Offer struct {
	Page
	Visit  string // the form's sealed field
	Number string // as typed before
}

// PIN asks for the PIN, and for the agreement to the price.
type PIN struct {
	Page
	Visit    string
	Masked   string        // the number
	ResendIn time.Duration // until another PIN may be asked for
	Anew     string        // URL for who wants another number: the PIN comes to none, or to somebody else
}

// KnownOffer is the first of two confirmations of a visitor whose number the operator's header told.
type KnownOffer struct {
	Page
	Visit  string
	Masked string
	WiFi   string // URL for who wants another number
}

// Confirmation is the second.
type Confirmation struct {
	Page
	Visit  string
	Masked string
}

// Result is what came of a visit.
type Result struct {
	Page
	Outcome    Outcome
	Masked     string
	NextCharge time.Time     // local; zero: not known
	Return     string        // URL, on this host, that sends the visitor to the partner; empty: nowhere
	After      time.Duration // until that happens by itself; 0: at once; below zero: it does not
	Again      string        // URL that begins anew; empty: that is no use
	Self       string        // URL of this page, which a page of OutcomeProcessing asks for again
	Incident   string        // the reference under which the log has a refusal; empty: of none
}

// Outcome is what came of a visit.
type Outcome string

// The outcomes.
const (
	OutcomeActive       Outcome = "active"
	OutcomeAlready      Outcome = "already"    // nothing was charged
	OutcomeConsented    Outcome = "consented"  // of a one-shot product: nothing was charged yet
	OutcomeProcessing   Outcome = "processing" // whether the line was charged is not known yet
	OutcomeDeclined     Outcome = "declined"   // by the operator
	OutcomeNoBalance    Outcome = "no_balance"
	OutcomeIneligible   Outcome = "ineligible" // the product is not for lines of this kind, or the line is barred
	OutcomeExpired      Outcome = "expired"    // the visit ended: time over, superseded, or no cookie
	OutcomeQuota        Outcome = "quota"      // too many requests, or PINs
	OutcomeUnknownOffer Outcome = "unknown_offer"
	OutcomeBadLink      Outcome = "bad_link" // the link that the visitor followed is not right; nobody is redirected
	OutcomeUnavailable  Outcome = "unavailable"
	OutcomeFailed       Outcome = "failed"
)
