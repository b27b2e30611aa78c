// Package smsc plays an HTTP gateway in the style of Kannel and the SMS center behind it. It sends as often as
// it is told to, keeps no keys and answers no inquiries.
//
//	POST /smsc/cgi-bin/sendsms   operation sendsms: X-Kannel-Username, -Password, -From, -To, -Coding, -Validity, -Dlr-Mask,
//	                             -Dlr-Url, -Smsc; the body is the text, in the charset of its Content-Type
//	GET  /smsc/cgi-bin/sendsms   the same by username, password, from, to, text, charset, coding, validity, dlr-mask, dlr-url, smsc
//	     202 0: Accepted for delivery       [sent]
//	     202 3: Queued for later delivery   [sent]; see setting answer
//	     400 Missing receiver number, rejected; 400 Sender missing and no global set, rejected
//	     403 Authorization failed for sendsms; 403 Not routable. Do not try again.
//	     503 Temporal failure, try again later.
//
// The gateway reports by GET to the dlr-url, and hands over messages of phones by GET to the URL of setting
// moUrl; in both it writes what it has in place of Kannel's escape codes (%p %P %a %b %c %C %i %I %F %d %A %t %T).
// It calls again every 200 ms until it is answered 200 or 202, 300 times at most. Of a message whose mask wants
// it, it reports first 8, that the SMS center has it, and then 1, that the phone has it. Phones are magic by
// the last four digits of their MSISDN:
//
//	3000   undeliverable: 2 in place of 1
//	3001   the receipt is late: 1 comes after setting late, or when a control says so
//	3002   a message of this phone is delivered twice, under one reference of the SMS center
//
// Controls:
//
//	GET  /_sandbox/smsc/messages?to={msisdn}   what a phone got, oldest first, with its PINs; without to: what all did
//	POST /_sandbox/smsc/messages/{number}      reports a message: {"status":2,"answer":"stat:EXPIRED err:000"}
//	GET  /_sandbox/smsc/mo                     the messages that phones sent
//	POST /_sandbox/smsc/mo                     {"from":"56912345678","to":"2200","text":"SALIR"} a phone sends one; answers it after the
//	                                           first call, with the status that the callback was answered
//	GET  /_sandbox/smsc/settings               {"moUrl":"","username":"","password":"","late":"30s","answer":""}
//	POST /_sandbox/smsc/settings               sets those that are given; answer: "", queued, unroutable or temporal
package smsc

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"puente/test/sandbox/register"
)

// Config is what the gateway is started with.
type Config struct {
	Journal string           // file that keeps what was sent over restarts; empty: memory only
	Now     func() time.Time // nil: time.Now
}

// Service is the gateway.
type Service struct {
	now      func() time.Time
	client   *http.Client
	messages *register.Register[Message]
	sent     *register.Register[MO]

	mu       sync.Mutex // guards what follows
	settings Settings
	epoch    context.Context // ends with the next reset or close, and with it all calls back
	end      context.CancelFunc
	calls    sync.WaitGroup
}

// Message is one that the gateway sent, as its phone has it.
type Message struct {
	Number        string    `json:"number"`
	From          string    `json:"from"`
	To            string    `json:"to"`
	Text          string    `json:"text"`
	Coding        string    `json:"coding"`
	Validity      string    `json:"validity,omitempty"`
	SMSC          string    `json:"smsc,omitempty"`
	Mask          int       `json:"mask"`
	ReportURL     string    `json:"reportUrl,omitempty"`
	Reports       []int     `json:"reports"` // those that were taken
	CorrelationID string    `json:"correlationId"`
	SentAt        time.Time `json:"sentAt"`
}

// MO is a message that a phone sent.
type MO struct {
	From      string `json:"from"`
	To        string `json:"to"`
	Text      string `json:"text"`
	Reference string `json:"reference"` // the SMS center's
	Statuses  []int  `json:"statuses"`  // that its callbacks were answered; 0: not at all
}

// Settings are what POST /_sandbox/smsc/settings sets.
type Settings struct {
	MOURL    string `json:"moUrl"`    // get-url of the sms-service, with escape codes; empty: what phones send goes nowhere
	Username string `json:"username"` // empty: whoever asks may send
	Password string `json:"password"`
	Late     string `json:"late"`
	Answer   string `json:"answer"` // of sendsms
}

var initial = Settings{Late: "30s"}

// New starts the gateway with what its journal remembers.
func New(cfg Config) (*Service, error) {
	s := &Service{now: cfg.Now, settings: initial, client: &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{}}}
	if s.now == nil {
		s.now = time.Now
	}
	s.epoch, s.end = context.WithCancel(context.Background())
	var err error
	if s.messages, err = register.New(cfg.Journal, func(m Message) string { return m.Number }); err != nil {
		return nil, fmt.Errorf("smsc: %w", err)
	}
	if s.sent, err = register.New("", func(m MO) string { return m.Reference }); err != nil {
		return nil, fmt.Errorf("smsc: %w", err)
	}
	return s, nil
}

// Name is smsc.
func (s *Service) Name() string { return "smsc" }

// Mount declares the operation sendsms, in both its forms.
func (s *Service) Mount(operation func(name, pattern string, handler http.HandlerFunc)) {
	operation("sendsms", "POST /smsc/cgi-bin/sendsms", s.sendsms)
	operation("sendsms", "GET /smsc/cgi-bin/sendsms", s.sendsms)
}

// Ledger is what was sent to phones and by phones, as GET /_sandbox/ledger/smsc shows it.
func (s *Service) Ledger() any {
	return map[string]any{"messages": s.Messages(""), "mo": s.sent.All()}
}

// Messages are those that a phone got, oldest first; of all phones where to is empty.
func (s *Service) Messages(to string) []Message {
	found := []Message{}
	for _, m := range s.messages.All() {
		if to == "" || m.To == strings.TrimPrefix(to, "+") {
			found = append(found, m)
		}
	}
	return found
}

// Configure changes the settings and returns them; a nil change leaves them.
func (s *Service) Configure(change func(*Settings)) Settings {
	s.mu.Lock()
	defer s.mu.Unlock()
	if change != nil {
		change(&s.settings)
	}
	return s.settings
}

// Reset forgets what was sent and ends the calls back. Where phones' messages go stays: it is not what the
// gateway did, but where it stands.
func (s *Service) Reset() error {
	s.release()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.epoch, s.end = context.WithCancel(context.Background())
	url := s.settings.MOURL
	s.settings = initial
	s.settings.MOURL = url
	if err := s.messages.Reset(); err != nil {
		return err
	}
	return s.sent.Reset()
}

// Close ends the calls back and closes the journal.
func (s *Service) Close() error {
	s.release()
	s.client.CloseIdleConnections()
	return s.messages.Close()
}

func (s *Service) release() {
	s.mu.Lock()
	s.end()
	s.mu.Unlock()
	s.calls.Wait()
}

// later does something beside what answers now, until the epoch ends; false: it has.
func (s *Service) later(do func(context.Context)) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	ctx := s.epoch
	if ctx.Err() != nil {
		return false
	}
	s.calls.Go(func() { do(ctx) })
	return true
}
