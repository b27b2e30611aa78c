package botservice

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
)

// request is what counts of the flat body of POST.
type request struct {
	NIP      string
	NumOrder string
	Phone    string
	Resend   bool
}

// wire is the body as it arrives; its pointers tell what is absent from what is empty.
type wire struct {
	Date          *string `json:"date"`
	NIP           *string `json:"nip"`
	NumOrder      *string `json:"numOrder"`
	Operator      *string `json:"operator"`
	OperatorCode  *string `json:"operatorCode"`
	PlanType      *string `json:"planType"`
	Phone         *string `json:"phone"`
	Resend        *bool   `json:"resend"`
	ExtendedMonth *bool   `json:"extendedMonth"`
	Order         *struct {
		Flow *string `json:"flow"`
	} `json:"order"`
}

// accepted is the answer to a request that was carried out.
type accepted struct {
	Success   bool   `json:"success"`
	State     State  `json:"state"`
	RequestID string `json:"requestId"`
	Phone     string `json:"phone"`
	NumOrder  string `json:"numOrder"`
}

// rejection is an error in Salesforce's manner; it is sent as a list of one.
type rejection struct {
	Message   string   `json:"message"`
	ErrorCode string   `json:"errorCode"`
	Fields    []string `json:"fields,omitempty"`
}

func (r rejection) status() int {
	switch r.ErrorCode {
	case "NOT_FOUND":
		return http.StatusNotFound
	case "UNKNOWN_EXCEPTION":
		return http.StatusInternalServerError
	default:
		return http.StatusBadRequest
	}
}

// portability makes a NIP, sends it again or files a port-in.
func (s *Service) portability(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		reject(w, rejection{Message: "The body could not be read", ErrorCode: "JSON_PARSER_ERROR"})
		return
	}
	req, refused := read(body)
	if refused != nil {
		reject(w, *refused)
		return
	}
	work := func(w http.ResponseWriter, r *http.Request) {
		e, refused := s.perform(req, r.Header.Get("X-Correlation-ID"))
		if refused != nil {
			reject(w, *refused)
			return
		}
		write(w, http.StatusOK, accepted{
			Success: true, State: e.State, RequestID: e.requestID(), Phone: e.Phone, NumOrder: e.NumOrder,
		})
	}
	if f, ok := magic[req.Phone]; ok {
		f.Serve(w, r, http.HandlerFunc(work))
		return
	}
	work(w, r)
}

var mobile = regexp.MustCompile(`^3[0-9]{9}$`)

// read takes a body apart, as strictly as BotService's Salesforce backend: unknown members, missing
// ones and wrong types are refused.
func read(body []byte) (request, *rejection) {
	var in wire
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.DisallowUnknownFields()
	err := decoder.Decode(&in)
	if err == nil && decoder.Decode(new(any)) != io.EOF {
		err = errors.New("trailing data")
	}
	if err != nil {
		if _, name, found := strings.Cut(err.Error(), "unknown field "); found {
			column := strings.Trim(name, `"`)
			return request{}, &rejection{
				Message:   fmt.Sprintf("No such column '%s' on entity 'SaleOrder'.", column),
				ErrorCode: "INVALID_FIELD", Fields: []string{column},
			}
		}
		return request{}, &rejection{Message: "The body is not the JSON of a sale order", ErrorCode: "JSON_PARSER_ERROR"}
	}
	var missing []string
	for _, member := range []struct {
		name   string
		absent bool
	}{
		{"date", in.Date == nil}, {"nip", in.NIP == nil}, {"operator", in.Operator == nil},
		{"operatorCode", in.OperatorCode == nil}, {"planType", in.PlanType == nil}, {"phone", in.Phone == nil},
		{"resend", in.Resend == nil}, {"extendedMonth", in.ExtendedMonth == nil},
		{"order.flow", in.Order == nil || in.Order.Flow == nil},
	} {
		if member.absent {
			missing = append(missing, member.name)
		}
	}
	if len(missing) > 0 {
		return request{}, &rejection{
			Message:   "Required fields are missing: [" + strings.Join(missing, ", ") + "]",
			ErrorCode: "REQUIRED_FIELD_MISSING", Fields: missing,
		}
	}
	if !mobile.MatchString(*in.Phone) {
		return request{}, &rejection{
			Message: "phone: not a mobile number", ErrorCode: "INVALID_FIELD", Fields: []string{"phone"},
		}
	}
	req := request{NIP: *in.NIP, Phone: *in.Phone, Resend: *in.Resend}
	if in.NumOrder != nil {
		req.NumOrder = *in.NumOrder
	}
	return req, nil
}

func reject(w http.ResponseWriter, r rejection) { write(w, r.status(), []rejection{r}) }

func write(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json;charset=UTF-8")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(v) // the caller may have left: nothing to do about it
}
