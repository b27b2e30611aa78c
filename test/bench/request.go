package main

import (
	"bytes"
	"fmt"
	"strings"
)

// The rows: what is asked of the platform.
const (
	rowRead       = "read"       // the state of a portability: nothing durable
	rowWrite      = "write"      // a NIP: idempotency and intent are written down first
	rowReconexion = "reconexion" // a reconnection: three backend calls, idempotency and intent written down
	rowForward    = "forward"    // of the baseline
)

var rowNames = []string{rowRead, rowWrite, rowReconexion}

// bodyBytes is the size of every request's body.
const bodyBytes = 600

const forwardPath = "/forward"

// paths of the rows.
var paths = map[string]string{
	rowRead:       "/v1/salesOrder/portabilities/status",
	rowWrite:      "/v1/salesOrder/portabilities/portabilidades",
	rowReconexion: "/api/services/v2/reconexion",
	rowForward:    forwardPath,
}

// In a request, these places change with each request, so that nothing is a repetition and no phone
// reaches its limit of NIPs.
const (
	phonePlace       = "#########"    // after the leading 3
	correlationPlace = "@@@@@@@@@@@@" // after what the documented pattern begins with
)

// correlationOf is a correlation in the documented pattern, and its place.
const correlationOf = clientSystem + "-220520251453-" + correlationPlace

// payloads are the documented bodies, flat or in the envelope; %s is what fills them up to bodyBytes, in
// a member that the contract does not know and therefore ignores.
var payloads = map[string]string{
	rowRead: `{"phone":"3` + phonePlace + `","numOrder":"MDM-PLTE-022944","observaciones":"%s"}`,
	rowWrite: `{"date":"2025-05-25T00:00:00","nip":"","numOrder":"MDM-PLTE-022944","operator":"FAKE","operatorCode":"00036","planType":"2","phone":"3` +
		phonePlace + `","resend":false,"extendedMonth":true,"order":{"flow":"LTE"},"observaciones":"%s"}`,
	rowReconexion: `{"WSRequestHeader":{"System":{"name":"` + clientSystem + `","correlationID":"` + correlationOf + `","processingServer":null},"Property":[]},` +
		`"WSRequestBody":{"Audit":{"SO":"Windows"},"Document_Number":"` + holderDocument + `","Document_Type":"CC","Phone":"3` + phonePlace + `","Observaciones":"%s"}}`,
}

// bodyOf is the body of a row, of bodyBytes bytes.
func bodyOf(row string) string {
	payload, ok := payloads[row]
	if !ok {
		payload = payloads[rowRead]
	}
	return fmt.Sprintf(payload, strings.Repeat("t", bodyBytes-len(fmt.Sprintf(payload, ""))))
}

// successes are what distinguishes a success where errors have status 200, too.
var successes = map[string][]byte{rowReconexion: []byte(`"errorCode":"OK_01"`)}

// request is an HTTP request that is written again and again with another number in its places.
type request struct {
	text               []byte
	success            []byte // is in every answer that is none of an error; nil: its status tells
	phone, correlation int    // offsets
}

func newRequest(row, host, token string) *request {
	body := bodyOf(row)
	var b bytes.Buffer
	fmt.Fprintf(&b, "POST %s HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n", paths[row], host, len(body))
	if row != rowReconexion { // its envelope says so
		fmt.Fprintf(&b, "X-System-Name: %s\r\nX-Correlation-ID: %s\r\n", clientSystem, correlationOf)
	}
	if token != "" {
		fmt.Fprintf(&b, "Authorization: Bearer %s\r\n", token)
	}
	b.WriteString("\r\n")
	head := b.Len()
	b.WriteString(body)
	return &request{
		text:        b.Bytes(),
		success:     successes[row],
		phone:       head + strings.Index(body, phonePlace),
		correlation: bytes.Index(b.Bytes(), []byte(correlationPlace)),
	}
}

// number makes this the request number n.
func (r *request) number(n uint64) {
	digits(r.text[r.phone:][:len(phonePlace)], n)
	digits(r.text[r.correlation:][:len(correlationPlace)], n)
}

// digits writes n modulo 10^len(to).
func digits(to []byte, n uint64) {
	for i := len(to) - 1; i >= 0; i-- {
		to[i] = byte('0' + n%10)
		n /= 10
	}
}
