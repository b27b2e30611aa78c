package web

// Texts are all that the pages say in one language. Verbs stand for what a campaign or a visit brings; where
// languages differ in order, they are numbered.
type Texts struct {
	OtherLanguage string // name of the other, in the other
	Error         string // document title of a page that refuses something: %s is the title

	// What is offered.
	Provider               string // %s is the partner
	TaxCL, TaxPE           string // what the price includes, by country
	Daily, Weekly, Monthly string // after an amount
	Days, Weeks, Months    string // likewise; %d is above 1
	Once                   string // likewise, of a single charge
	Renews, OnceOnly       string
	Cancel, CancelBy       string // %[1]s goes to %[2]s; the second is a sentence
	Contact                string
	Fallbacks              string // %s are some of the next two
	ForDay, ForDays        string // %s is an amount, %d are days
	Charged, Holder        string // %s is the operator
	Terms, TermsLink       string
	AgreeTerms             string // beside the button that does

	// The number.
	NumberLabel, NumberHint                            string
	OperatorLabel, OperatorOther                       string
	Continue                                           string
	KnownNumber, KnownContinue, OtherNumber, KnownNote string

	// The agreement.
	PINTitle, PINSentTo, PINLabel, PINHint      string // %s is a number, masked
	Subscribe, Authorise                        string // what a button agrees to; %s is the price
	ResendHint, Resend, ResendIn                string // %s are seconds
	ConfirmTitle, ConfirmTitleOnce, ConfirmNote string
	ConfirmSubscribe, ConfirmAuthorise          string // what a button agrees to; %s is the price

	// What came of it.
	Active, Already, Consented, Processing, Declined, NoBalance, Ineligible Said
	Expired, Quota, UnknownOffer, BadLink, Unavailable, Failed              Said

	// What was contracted, and where to go from there.
	Product, Price, Number, NextCharge, HowToCancel string
	Date                                            string // %[1]d is the day, %[2]s the month, %[3]d the year
	Month                                           [12]string
	OnwardIn                                        string // %d are seconds
	GoTo, BackTo                                    string // %s is the service
	Go, Back                                        string // where that is not known
	Again, Refresh                                  string
	Incident                                        string // %s is the reference

	// Notices; of the second and third %s is the operator.
	NumberInvalid, NumberUnknown, OtherOperator               string
	PINWrong, PINSent, PINWait, TooSoon, NothingDone, Changed string
}

// Said is what a page of an outcome says.
type Said struct{ Title, Body string }

// texts are those of the languages.
var texts = map[Language]*Texts{Spanish: &spanish, English: &english}

// of is what is said of an outcome.
func (t *Texts) of(o Outcome) Said {
	switch o {
	case OutcomeActive:
		return t.Active
	case OutcomeAlready:
		return t.Already
	case OutcomeConsented:
		return t.Consented
	case OutcomeProcessing:
		return t.Processing
	case OutcomeDeclined:
		return t.Declined
	case OutcomeNoBalance:
		return t.NoBalance
	case OutcomeIneligible:
		return t.Ineligible
	case OutcomeExpired:
		return t.Expired
	case OutcomeQuota:
		return t.Quota
	case OutcomeUnknownOffer:
		return t.UnknownOffer
	case OutcomeBadLink:
		return t.BadLink
	case OutcomeUnavailable:
		return t.Unavailable
	}
	return t.Failed
}

// notice is what is said of what was just done; operator is whose lines the offer is for.
func (t *Texts) notice(n Notice, operator string) string {
	switch n {
	case NoticeNumberInvalid:
		return t.NumberInvalid
	case NoticeNumberUnknown:
		return sprintf(t.NumberUnknown, operator)
	case NoticeOtherOperator:
		return sprintf(t.OtherOperator, operator)
	case NoticePINWrong:
		return t.PINWrong
	case NoticePINSent:
		return t.PINSent
	case NoticePINWait:
		return t.PINWait
	case NoticeTooSoon:
		return t.TooSoon
	case NoticeChanged:
		return t.Changed
	case NoticeUnavailable:
		return t.NothingDone
	}
	return ""
}
