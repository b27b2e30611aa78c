package envelope

import (
	"time"

	"github.com/go-json-experiment/json/jsontext"

	"puente/shared/problem"
)

// Service is member Service of a success, in the casing of the documents' samples.
type Service struct {
	Status           string         `json:"status"`
	ResponseDate     string         `json:"responseDate"`
	ProcessingServer *string        `json:"processingServer"`
	StatusDetail     []StatusDetail `json:"statusDetail"`
}

// StatusDetail is the one item of Service.
type StatusDetail struct {
	ErrorCode        string  `json:"errorCode"`
	ErrorDetailCode  *string `json:"errorDetailCode"`
	ErrorMessage     *string `json:"errorMessage"`
	ErrorMessageUser *string `json:"errorMessageUser"`
}

// Succeeded is the Service of a success, in the words of its typology.
func Succeeded(at time.Time, text problem.Text) Service {
	return Service{Status: "OK", ResponseDate: Date(at), StatusDetail: []StatusDetail{{
		ErrorCode: CodeOK, ErrorDetailCode: text.Detail, ErrorMessage: text.Message, ErrorMessageUser: text.User,
	}}}
}

// ResponseHeader is that of a success as the document of the support services (soporte1n) has it, which
// echoes the caller in the casing of its request.
type ResponseHeader struct {
	System   System  `json:"System"`
	Service  Service `json:"Service"`
	Property []Pair  `json:"Property"`
}

// System is the caller, as it sent it.
type System struct {
	Name             string  `json:"name"`
	CorrelationID    string  `json:"correlationID"`
	ProcessingServer *string `json:"processingServer"`
}

// Pair is a property.
type Pair struct {
	Name  *string `json:"name"`
	Value *string `json:"value"`
}

// Response is the header of a success that answers the caller of h.
func Response(h Header, at time.Time, text problem.Text) ResponseHeader {
	return ResponseHeader{
		System:  System{Name: h.System, CorrelationID: h.Correlation, ProcessingServer: h.ProcessingServer},
		Service: Succeeded(at, text), Property: pairs(h.Property),
	}
}

// pairs are properties under their canonical names, exactly those sent; never nil.
func pairs(sent []jsontext.Value) []Pair {
	all := make([]Pair, len(sent))
	for i, v := range sent {
		all[i] = Pair{Name: said(folded(v, "name")), Value: said(folded(v, "value"))} // it has passed the contract
	}
	return all
}

// ErrorResponse is an error as the document of the support services has it.
type ErrorResponse struct {
	Header ErrorHeader    `json:"WSResponseHeader"`
	Body   jsontext.Value `json:"WSResponseBody"` // always null
}

// ErrorHeader is that of an error.
type ErrorHeader struct {
	System  ErrorSystem  `json:"System"`
	Service ErrorService `json:"Service"`
}

// ErrorSystem is the caller, echoed, and who answered.
type ErrorSystem struct {
	Name             *string `json:"Name"`
	CorrelationID    *string `json:"CorrelationID"`
	ProcessingServer *string `json:"ProcessingServer"`
}

// ErrorService is member Service of an error.
type ErrorService struct {
	Status           string        `json:"Status"`
	ResponseDate     string        `json:"ResponseDate"`
	ProcessingServer *string       `json:"ProcessingServer"`
	StatusDetail     []ErrorDetail `json:"StatusDetail"`
}

// ErrorDetail is the one item of ErrorService.
type ErrorDetail struct {
	ErrorCode        string  `json:"ErrorCode"`
	ErrorDetailCode  *string `json:"ErrorDetailCode"`
	ErrorMessage     *string `json:"ErrorMessage"`
	ErrorMessageUser *string `json:"ErrorMessageUser"`
}

// Failed is the answer that tells f.
func Failed(f Fault) any {
	return ErrorResponse{
		Header: ErrorHeader{
			System: ErrorSystem{Name: f.System, CorrelationID: f.Correlation, ProcessingServer: f.Instance},
			Service: ErrorService{Status: "ERROR", ResponseDate: f.Date, ProcessingServer: f.Instance, StatusDetail: []ErrorDetail{{
				ErrorCode: f.Code, ErrorDetailCode: f.Text.Detail, ErrorMessage: f.Text.Message, ErrorMessageUser: f.Text.User,
			}}},
		},
		Body: jsontext.Value("null"),
	}
}
