package salesorder

import (
	"bytes"
	"io"
	"net/http"
	"testing"

	"puente/contracts/sapi/salesorder"
)

// saying is a way to a BotService that always says the same.
type saying string

func (s saying) RoundTrip(*http.Request) (*http.Response, error) {
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, ContentLength: int64(len(s)), Body: io.NopCloser(bytes.NewBufferString(string(s)))}, nil
}

// BenchmarkBotService is the cost of a call beside the way out, httpclient's.
func BenchmarkBotService(b *testing.B) {
	endpoint := func(method string, answer saying) endpoint {
		e, err := newEndpoint(answer, method, "http://botservice.test/api/saleorder/v1/portability")
		if err != nil {
			b.Fatal(err)
		}
		return e
	}
	s := &system{
		create: endpoint(http.MethodPost, `{"success":true,"state":"NIP_REQUESTED","requestId":"a0B5f00000EXAMPLE"}`),
		inquire: endpoint(http.MethodGet, `{"state":"NIP_REQUESTED","requestId":"a0B5f00000EXAMPLE","nipRequests":[{"correlationId":"9c1e7f0e-0000-4000-8000-000000000001","resend":false}],`+
			`"portIns":[{"requestId":"a0B5f00000EXAMPLE","numOrder":"MDM-PLTE-022944","nip":"12345"}]}`),
	}
	in := salesorder.Submission{Phone: "3000000019", NumOrder: "MDM-PLTE-022944", Date: "2025-05-25T00:00:00", Operator: "FAKE", OperatorCode: "00036", PlanType: "2", Flow: "LTE"}
	b.Run("create", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := s.send(b.Context(), in); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("status", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := s.status(b.Context(), in); err != nil {
				b.Fatal(err)
			}
		}
	})
}
