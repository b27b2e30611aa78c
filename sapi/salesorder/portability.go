package salesorder

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"

	"github.com/go-json-experiment/json"

	"puente/contracts/sapi/salesorder"
	"puente/shared/httpclient"
	"puente/shared/problem"
)

// target names BotService in metrics, logs and the trail of errors.
const target = "botservice"

// portability is the body that BotService takes: the document's flat body.
type portability struct {
	Date          string `json:"date"`
	NIP           string `json:"nip"`
	NumOrder      string `json:"numOrder,omitempty"`
	Operator      string `json:"operator"`
	OperatorCode  string `json:"operatorCode"`
	PlanType      string `json:"planType"`
	Phone         string `json:"phone"`
	Resend        bool   `json:"resend"`
	ExtendedMonth bool   `json:"extendedMonth"`
	Order         struct {
		Flow string `json:"flow"`
	} `json:"order"`
}

// accepted is BotService's answer to a portability that it took.
type accepted struct {
	Success   bool             `json:"success"`
	State     salesorder.State `json:"state"`
	RequestID string           `json:"requestId"`
}

// rejection is one of BotService's errors, in the manner of its Salesforce backend.
type rejection struct {
	Message   string   `json:"message"`
	ErrorCode string   `json:"errorCode"`
	Fields    []string `json:"fields"`
}

// standing is BotService's answer to how far the portability of a phone has come.
type standing struct {
	State     salesorder.State `json:"state"`
	RequestID string           `json:"requestId"`
}

func (s *standing) known() bool { return known(s.State) }

// inquiry is the same answer with all that BotService knows of the phone.
type inquiry struct {
	standing
	NIPRequests []struct {
		CorrelationID string `json:"correlationId"`
		Resend        bool   `json:"resend"`
	} `json:"nipRequests"`
	PortIns []struct {
		RequestID string `json:"requestId"`
		NumOrder  string `json:"numOrder"`
		NIP       string `json:"nip"`
	} `json:"portIns"`
}

// send makes BotService act, exactly once. An error that is neither httpclient.Unsent nor of
// CodeInvalidField leaves open whether it did.
func (s *system) send(ctx context.Context, in salesorder.Submission) (salesorder.Outcome, error) {
	body := portability{
		Date: in.Date, NIP: in.NIP, NumOrder: in.NumOrder, Operator: in.Operator, OperatorCode: in.OperatorCode,
		PlanType: in.PlanType, Phone: in.Phone, Resend: in.Intent == salesorder.IntentResendNIP, ExtendedMonth: in.ExtendedMonth,
	}
	body.Order.Flow = in.Flow
	text, err := json.Marshal(&body)
	if err != nil {
		return salesorder.Outcome{}, fmt.Errorf("botservice: encode portability: %w", err)
	}
	req := s.create.request.WithContext(ctx)
	req.ContentLength = int64(len(text))
	req.Body = io.NopCloser(bytes.NewReader(text)) // without GetBody: it is sent once
	var done accepted
	if err := s.create.exchange(req, &done); err != nil {
		return salesorder.Outcome{}, fmt.Errorf("botservice: create portability: %w", err)
	}
	if !done.Success || !known(done.State) {
		return salesorder.Outcome{}, problem.Errorf(problem.BadUpstream, "botservice: create portability: neither success nor error").Caused(target)
	}
	return salesorder.Outcome{State: done.State, RequestID: done.RequestID}, nil
}

// ask reads into found, a *standing or an *inquiry, what BotService knows of a phone, or of one of its
// orders. NotFound: nothing.
func (s *system) ask(ctx context.Context, phone, numOrder string, found interface{ known() bool }) error {
	query := "phone=" + url.QueryEscape(phone)
	if numOrder != "" {
		query = "numOrder=" + url.QueryEscape(numOrder) + "&" + query
	}
	req := s.inquire.request.WithContext(ctx)
	address := *req.URL
	address.RawQuery = query
	req.URL = &address
	if err := s.inquire.exchange(req, found); err != nil {
		return fmt.Errorf("botservice: get portability: %w", err)
	}
	if !found.known() {
		return problem.Errorf(problem.BadUpstream, "botservice: get portability: no known state").Caused(target)
	}
	return nil
}

// endpoint is one operation of BotService: the way to it, and its request but for what differs from
// call to call. A call changes a copy of the request; URL and header belong to all.
type endpoint struct {
	out     http.RoundTripper
	request *http.Request
}

func newEndpoint(out http.RoundTripper, method, url string) (endpoint, error) {
	req, err := http.NewRequestWithContext(context.Background(), method, url, http.NoBody) // each call brings its own context
	if err != nil {
		return endpoint{}, fmt.Errorf("http.url: %w", err)
	}
	if method == http.MethodPost {
		req.Header.Set("Content-Type", "application/json")
	}
	return endpoint{out, req}, nil
}

// exchange sends req and decodes a success into answer.
func (e endpoint) exchange(req *http.Request, answer any) error {
	resp, err := e.out.RoundTrip(req)
	if err != nil {
		return unreachable(err)
	}
	text, err := httpclient.ReadAll(resp)
	if err != nil {
		return err
	}
	if resp.StatusCode == http.StatusBadRequest || resp.StatusCode == http.StatusUnprocessableEntity {
		return refusal(text)
	}
	if e := httpclient.StatusError(resp, target); e != nil {
		return e
	}
	if err := json.Unmarshal(text, answer); err != nil {
		return problem.Errorf(problem.BadUpstream, "decode answer: %w", err).Caused(target)
	}
	return nil
}

// unreachable is err, but for a connection that BotService refuses: the document has that as an error
// of BotService's (500), not as a circuit that is open (503).
func unreachable(err error) error {
	var dial *net.OpError
	if errors.As(err, &dial) && dial.Op == "dial" && errors.Is(err, problem.Unavailable) {
		return problem.Errorf(problem.BadUpstream, "%w", err).Caused(target)
	}
	return err
}

func known(s salesorder.State) bool {
	return s == salesorder.StateNIPRequested || s == salesorder.StateNIPResent || s == salesorder.StatePortInFiled
}

// ours are the request's fields by the names BotService has for them. Its other names are those of
// tables and columns and go no further than the log.
var ours = []string{"date", "nip", "numOrder", "operator", "operatorCode", "planType", "phone", "resend", "extendedMonth", "order.flow"}

// refusal is a field that BotService does not accept: 409 INVALID_FIELD, as documented. Its own
// text is for log and audit only.
func refusal(text []byte) error {
	var refused []rejection
	if err := json.Unmarshal(text, &refused); err != nil || len(refused) == 0 {
		return problem.Errorf(problem.BadUpstream, "status 400 without an error of the known shape").Caused(target)
	}
	e := &problem.Error{
		Kind: problem.Conflict, Code: salesorder.CodeInvalidField, Detail: "BotService does not accept a field of the request",
		Err: fmt.Errorf("%s: %s", refused[0].ErrorCode, refused[0].Message),
	}
	for _, name := range ours {
		for _, field := range refused[0].Fields {
			if strings.EqualFold(name, field) {
				e.Fields = append(e.Fields, problem.Field{Path: name, Rule: "is not accepted by BotService"})
			}
		}
	}
	return e.Caused(target)
}
