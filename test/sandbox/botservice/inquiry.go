package botservice

import (
	"net/http"
	"time"
)

// inquiryAnswer is what BotService knows of a phone, or of one of its orders. It shows no NIP that was
// only sent, for that is the subscriber's secret.
type inquiryAnswer struct {
	Phone       string         `json:"phone"`
	NumOrder    string         `json:"numOrder"`
	State       State          `json:"state"`     // of the latest request
	RequestID   string         `json:"requestId"` // of the latest request
	NIPRequests []nipRequest   `json:"nipRequests"`
	PortIns     []filedRequest `json:"portIns"`
}

type nipRequest struct {
	CorrelationID string    `json:"correlationId"`
	RequestedAt   time.Time `json:"requestedAt"`
	Resend        bool      `json:"resend"`
}

type filedRequest struct {
	RequestID     string    `json:"requestId"`
	NumOrder      string    `json:"numOrder"`
	NIP           string    `json:"nip"`
	CorrelationID string    `json:"correlationId"`
	FiledAt       time.Time `json:"filedAt"`
	State         State     `json:"state"`
}

// inquiry answers what became of the requests for a phone.
func (s *Service) inquiry(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	phone, numOrder := q.Get("phone"), q.Get("numOrder")
	if phone == "" {
		reject(w, rejection{
			Message: "Required fields are missing: [phone]", ErrorCode: "REQUIRED_FIELD_MISSING", Fields: []string{"phone"},
		})
		return
	}
	events := s.history(phone, numOrder)
	if len(events) == 0 {
		reject(w, rejection{Message: "No request was found for the line", ErrorCode: "NOT_FOUND"})
		return
	}
	latest := events[len(events)-1]
	found := inquiryAnswer{
		Phone: phone, NumOrder: latest.NumOrder, State: latest.State, RequestID: latest.requestID(),
		NIPRequests: []nipRequest{}, PortIns: []filedRequest{},
	}
	for _, e := range events {
		if e.State == PortInFiled {
			found.PortIns = append(found.PortIns, filedRequest{
				RequestID: e.requestID(), NumOrder: e.NumOrder, NIP: e.NIP,
				CorrelationID: e.CorrelationID, FiledAt: e.Time, State: e.State,
			})
		} else {
			found.NIPRequests = append(found.NIPRequests, nipRequest{
				CorrelationID: e.CorrelationID, RequestedAt: e.Time, Resend: e.State == NIPResent,
			})
		}
	}
	write(w, http.StatusOK, found)
}
