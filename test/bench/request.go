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
	rowFanOut     = "fan-out"    // a television validation: four platforms at once, the inventory remembered
	rowUncached   = "uncached"   // the same, each of another line
	rowLateWrite  = "late-write" // a NIP from a backend that is as late as the slowest platform: a write at the pace of fanning out
	rowForward    = "forward"    // of the baseline
	rowCalls      = "calls"      // of the baseline of fanning out
)

var rowNames = []string{rowRead, rowWrite, rowReconexion, rowLateWrite, rowFanOut, rowUncached}

// bodyBytes is the size of every request's body.
const bodyBytes = 600

const forwardPath = "/forward"

// paths of the rows.
var paths = map[string]string{
	rowRead:       "/v1/salesOrder/portabilities/status",
	rowWrite:      "/v1/salesOrder/portabilities/portabilidades",
	rowReconexion: "/api/services/v2/reconexion",
	rowLateWrite:  "/v1/salesOrder/portabilities/portabilidades",
	rowFanOut:     validateTVPath,
	rowUncached:   validateTVPath,
	rowForward:    forwardPath,
	rowCalls:      callsPath,
}

const validateTVPath = "/api/soporte1n/v1/validatetv"

// In a request, these places change with each request, so that nothing is a repetition and no phone
// reaches its limit of NIPs.
const (
	phonePlace       = "#########"    // after the leading 3
	laterPlace       = "########"     // after the leading 39, or 60 of a fixed line
	correlationPlace = "@@@@@@@@@@@@" // after what the documented pattern begins with
)

// correlationOf is a correlation in the documented pattern, and its place.
const correlationOf = clientSystem + "-220520251453-" + correlationPlace

// payloads are the documented bodies, flat or in the envelope; %s is what fills them up to bodyBytes, in
// a member that the contract does not know and therefore ignores.
var payloads = map[string]string{
	rowRead:      `{"phone":"3` + phonePlace + `","numOrder":"MDM-PLTE-022944","observaciones":"%s"}`,
	rowWrite:     askForNIP + phonePlace + askedForNIP,
	rowLateWrite: askForNIP + late + laterPlace + askedForNIP,
	rowReconexion: `{"WSRequestHeader":{"System":{"name":"` + clientSystem + `","correlationID":"` + correlationOf + `","processingServer":null},"Property":[]},` +
		`"WSRequestBody":{"Audit":{"SO":"Windows"},"Document_Number":"` + holderDocument + `","Document_Type":"CC","Phone":"3` + phonePlace + `","Observaciones":"%s"}}`,
	rowFanOut:   validateTV,
	rowUncached: validateTV,
}

// A request for a NIP, up to the 3 of its phone and after that.
const (
	askForNIP   = `{"date":"2025-05-25T00:00:00","nip":"","numOrder":"MDM-PLTE-022944","operator":"FAKE","operatorCode":"00036","planType":"2","phone":"3`
	askedForNIP = `","resend":false,"extendedMonth":true,"order":{"flow":"LTE"},"observaciones":"%s"}`
)

// late is what follows the 3 of phones whose NIP BotService is late to request; the numbers of other rows
// do not come that far.
const late = "9"

const validateTV = `{"WSRequestHeader":{"System":{"name":"` + clientSystem + `","correlationID":"` + correlationOf + `","processingServer":null},"Property":[]},` +
	`"WSRequestBody":{"Audit":{"SO":"Windows"},"Phone":"60` + laterPlace + `","Observaciones":"%s"}}`

// lines is how many lines a row asks about in turn, where not all requests have their own.
var lines = map[string]uint64{rowFanOut: 16}

// bodyOf is the body of a row, of bodyBytes bytes.
func bodyOf(row string) string {
	payload, ok := payloads[row]
	if !ok {
		payload = payloads[rowRead]
	}
	return fmt.Sprintf(payload, strings.Repeat("t", bodyBytes-len(fmt.Sprintf(payload, ""))))
}

// successes tell a success where errors have status 200, too.
var successes = map[string]func(body []byte) bool{
	rowReconexion: func(body []byte) bool { return bytes.Contains(body, []byte(`"errorCode":"OK_01"`)) },
	rowFanOut:     allGreen,
	rowUncached:   allGreen,
}

func allGreen(body []byte) bool { return bytes.Count(body, []byte(`"Semaphore":"Green"`)) == 4 }

// request is an HTTP request that is written again and again with another number in its places.
type request struct {
	text    []byte
	lines   uint64            // it asks about in turn; 0: each its own
	success func([]byte) bool // tells an answer from an error; nil: its status does

	phone       []byte // the place in text
	correlation []byte // likewise
}

func newRequest(row, host, token string) *request {
	body := bodyOf(row)
	var b bytes.Buffer
	fmt.Fprintf(&b, "POST %s HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n", paths[row], host, len(body))
	if successes[row] == nil { // the envelope of the others says so
		fmt.Fprintf(&b, "X-System-Name: %s\r\nX-Correlation-ID: %s\r\n", clientSystem, correlationOf)
	}
	if token != "" {
		fmt.Fprintf(&b, "Authorization: Bearer %s\r\n", token)
	}
	b.WriteString("\r\n")
	head := b.Len()
	b.WriteString(body)
	text := b.Bytes()
	phone := text[head+bytes.IndexByte(text[head:], phonePlace[0]):]
	return &request{
		text: text, success: successes[row], lines: lines[row],
		phone:       phone[:bytes.IndexByte(phone, '"')],
		correlation: text[bytes.Index(text, []byte(correlationPlace)):][:len(correlationPlace)],
	}
}

// number makes this the request number n.
func (r *request) number(n uint64) {
	digits(r.correlation, n)
	if r.lines > 0 {
		n %= r.lines
	}
	digits(r.phone, n)
}

// digits writes n modulo 10^len(to).
func digits(to []byte, n uint64) {
	for i := len(to) - 1; i >= 0; i-- {
		to[i] = byte('0' + n%10)
		n /= 10
	}
}
