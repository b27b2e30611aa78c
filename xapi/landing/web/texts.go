package web

// Texts are all that the pages say in one language. Verbs stand for what a campaign or a visit brings; where
// languages differ in order, they are numbered.
type Texts struct {
	OtherLanguage string // name of the other, in the other
	Error         string // document title of a page that refuses something: %s is the title

	// What is offered.
	Provider              string // %s is the partner
	TaxCL, TaxPE          string // as what is part of the price
	Daily, Weekly         string // after an amount
	Monthly               string
	Days, Weeks, Months   string // %d is above 1
	Once                  string // a single charge, likewise
	Renews, OnceOnly      string
	Cancel                string // %[1]s goes to %[2]s
	Contact               string
	Fallbacks             string // %s are some of the next two
	ForDay, ForDays       string // %s is an amount, %d days
	Charged               string // %s is the operator
	Holder                string // %s is the operator
	Terms, TermsLink      string
	AgreeTerms            string
	NumberLabel           string
	NumberHint            string
	OperatorLabel         string
	OperatorOther         string
	Continue              string
	PINTitle, PINSentTo   string // %s is a masked number
	PINLabel, PINHint     string
	Subscribe, Authorise  string // what a button agrees to; %s is the price
	ResendHint            string
	Resend, ResendIn      string // %s are seconds
	KnownNumber           string
	KnownContinue         string
	KnownOther, KnownNote string
	ConfirmTitle          string
	ConfirmTitleOnce      string
	ConfirmSubscribe      string // %s is the price
	ConfirmAuthorise      string // likewise
	ConfirmNote           string

	// What came of it.
	Active, Already, Consented, Processing, Declined, NoBalance, Ineligible Said
	Expired, Quota, UnknownOffer, BadLink, Unavailable, Failed              Said

	Product, Price, Number, NextCharge, HowToCancel string // what was contracted
	Date                                            string // %[1]d is the day, %[2]s the month, %[3]d the year
	Month                                           [12]string
	OnwardIn                                        string // %d are seconds
	GoTo, BackTo                                    string // %s is the service
	Go, Back                                        string // where that is not known
	Again, Refresh                                  string
	Incident                                        string // %s is the reference

	// Notices. What some say depends on the operator, which is %s.
	NumberInvalid, NumberUnknown, OtherOperator                      string
	PINWrong, PINSent, PINWait, TooSoon, NothingDone, PINUndelivered string
}

// Said is what a page of an outcome says.
type Said struct{ Title, Body string }

// texts are the languages' texts; the first is that of a page without a language that is known.
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
	case NoticePINUndelivered:
		return t.PINUndelivered
	case NoticeUnavailable:
		return t.NothingDone
	}
	return ""
}
