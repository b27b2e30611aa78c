package main

import (
	"bytes"
	"fmt"
	"strings"
)

// The rows: what is asked of the platform.
const (
	rowRead    = "read"    // the state of a portability: nothing durable
	rowWrite   = "write"   // a NIP: idempotency and intent are written down first
	rowForward = "forward" // of the baseline
)

var rowNames = []string{rowRead, rowWrite}

// bodyBytes is the size of every request's body.
const bodyBytes = 600

const forwardPath = "/forward"

// paths of the rows.
var paths = map[string]string{
	rowRead:    "/v1/salesOrder/portabilities/status",
	rowWrite:   "/v1/salesOrder/portabilities/portabilidades",
	rowForward: forwardPath,
}

// In a body, these places change with each request, so that nothing is a repetition and no phone
// reaches its limit of NIPs.
const (
	phonePlace       = "#########"    // after the leading 3
	correlationPlace = "@@@@@@@@@@@@" // after what the documented pattern begins with
)

const enveloped = `{"WSRequestHeader":{"System":{"name":"` + clientSystem + `","correlationID":"` + clientSystem + `-220520251453-` + correlationPlace +
	`","processingServer":""},"Property":[{"name":"canal","value":"tienda"},{"name":"traza","value":"%s"}]},"WSRequestBody":%s}`

var payloads = map[string]string{
	rowRead: `{"phone":"3` + phonePlace + `","numOrder":"MDM-PLTE-022944"}`,
	rowWrite: `{"date":"2025-05-25T00:00:00","nip":"","numOrder":"MDM-PLTE-022944","operator":"FAKE","operatorCode":"00036","planType":"2","phone":"3` +
		phonePlace + `","resend":false,"extendedMonth":true,"order":{"flow":"LTE"}}`,
}

// bodyOf is the body of a row, in the documented envelope and of bodyBytes bytes.
func bodyOf(row string) string {
	payload, ok := payloads[row]
	if !ok {
		payload = payloads[rowRead]
	}
	bare := fmt.Sprintf(enveloped, "", payload)
	return fmt.Sprintf(enveloped, strings.Repeat("t", bodyBytes-len(bare)), payload)
}

// request is an HTTP request that is written again and again with another number in its places.
type request struct {
	text               []byte
	phone, correlation int // offsets
}

func newRequest(row, host, token string) *request {
	body := bodyOf(row)
	var b bytes.Buffer
	fmt.Fprintf(&b, "POST %s HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n", paths[row], host, len(body))
	if token != "" {
		fmt.Fprintf(&b, "Authorization: Bearer %s\r\n", token)
	}
	b.WriteString("\r\n")
	head := b.Len()
	b.WriteString(body)
	return &request{
		text:        b.Bytes(),
		phone:       head + strings.Index(body, phonePlace),
		correlation: head + strings.Index(body, correlationPlace),
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
