package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"puente/test/sandbox/oauthprovider"
)

// Paths of the API under test.
const (
	portabilidades = "/v1/salesOrder/portabilities/portabilidades"
	portability    = "/v1/salesOrder/portabilities/portability"
	statusPath     = "/v1/salesOrder/portabilities/status"
)

// caller is a client application with a token, and a system that nobody else speaks for.
type caller struct {
	p      *platform
	id     string
	system string
	token  string
	made   int
	front  *process // that it calls; nil: the edge
}

// caller takes a client that no other scenario of the shape has.
func (p *platform) caller(t testing.TB) *caller {
	t.Helper()
	i := int(p.callers.Add(1))
	if i >= pool {
		t.Fatal("no client is left: enlarge pool")
	}
	c := &caller{p: p, id: clientID(i), system: system(i)}
	c.token = p.token(t, oauthprovider.Grant{ClientID: c.id})
	return c
}

// token has the provider issue one.
func (p *platform) token(t testing.TB, g oauthprovider.Grant) string {
	t.Helper()
	token, err := p.sandbox.OAuth.Issue(g)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// correlation is a new one.
func (c *caller) correlation() string {
	c.made++
	return fmt.Sprintf("%s-220520251453-%010d", c.system, c.made)
}

// edge is the process that the caller calls.
func (c *caller) edge() *process {
	if c.front != nil {
		return c.front
	}
	return c.p.edge()
}

// members of a JSON object.
type members map[string]any

// order is the flat body of a request for the NIP of phone, with changes; nil leaves a member out.
func order(phone string, changes members) string {
	m := members{
		"date": "2025-05-25T00:00:00", "nip": "", "numOrder": "MDM-PLTE-022944", "operator": "FAKE", "operatorCode": "00036",
		"planType": "2", "phone": phone, "resend": false, "extendedMonth": true, "order": members{"flow": "LTE"},
	}
	maps.Copy(m, changes)
	maps.DeleteFunc(m, func(_ string, v any) bool { return v == nil })
	return text(m)
}

// lookup is the flat body of a question for the state of phone.
func lookup(phone string) string { return text(members{"phone": phone}) }

func text(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // of this package's own making
	}
	return string(b)
}

// enveloped puts the documented envelope around a flat body.
func enveloped(system, correlation, body string) string {
	return fmt.Sprintf(`{"WSRequestHeader":{"System":{"name":%q,"correlationID":%q,"processingServer":null},"Property":[{"name":null,"value":null}]},"WSRequestBody":%s}`,
		system, correlation, body)
}

// answer is what came back.
type answer struct {
	status int
	header http.Header
	body   string
	closed bool // the connection ends with it
	took   time.Duration
}

func (a answer) correlation() string { return a.header.Get("X-Correlation-ID") }

// post sends a body with the caller's token and system; headers come in pairs over the usual ones,
// an empty value leaves one out.
func (c *caller) post(t testing.TB, path, body string, headers ...string) answer {
	t.Helper()
	a, err := c.try(http.MethodPost, path, body, headers...)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// nip asks for a NIP under a new correlation.
func (c *caller) nip(t testing.TB, phone string, headers ...string) answer {
	t.Helper()
	return c.post(t, portabilidades, order(phone, nil), append([]string{"X-Correlation-ID", c.correlation()}, headers...)...)
}

// status asks for the state of a phone under a new correlation.
func (c *caller) status(t testing.TB, phone string, headers ...string) answer {
	t.Helper()
	return c.post(t, statusPath, lookup(phone), append([]string{"X-Correlation-ID", c.correlation()}, headers...)...)
}

// try is post for tests that expect connections to break.
func (c *caller) try(method, path, body string, headers ...string) (answer, error) {
	req, err := http.NewRequest(method, "http://"+c.edge().at.Public+path, strings.NewReader(body))
	if err != nil {
		return answer{}, err
	}
	req.GetBody = nil // one attempt: the transport must not send it again
	req.Header.Set("Authorization", "Bearer "+c.token)
	req.Header.Set("X-System-Name", c.system)
	req.Header.Set("Content-Type", "application/json")
	for i := 0; i < len(headers); i += 2 {
		if req.Header.Del(headers[i]); headers[i+1] != "" {
			req.Header.Set(headers[i], headers[i+1])
		}
	}
	return c.p.do(req)
}

// do sends a request, and notes its answer for the audit.
func (p *platform) do(req *http.Request) (answer, error) {
	began := time.Now()
	resp, err := p.http.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return answer{}, err
	}
	a := answer{resp.StatusCode, resp.Header, string(body), resp.Close, time.Since(began)}
	p.witness.saw(a)
	return a, nil
}

// problemBody is the documented error body, whole.
type problemBody struct {
	Status  int    `json:"status"`
	Code    string `json:"code"`
	Message struct {
		Message string `json:"message"`
	} `json:"message"`
	MessageServer string `json:"messageServer"`
	Cause         []struct {
		Origin  string `json:"origin"`
		Message string `json:"message"`
	} `json:"cause"`
}

// wantProblem checks an error against the document: status, code, and what messageServer says.
func wantProblem(t testing.TB, a answer, status int, code string, says ...string) problemBody {
	t.Helper()
	var p problemBody
	decoder := json.NewDecoder(strings.NewReader(a.body))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&p); err != nil {
		t.Fatalf("%d, not the documented error body: %v\n%s", a.status, err, a.body)
	}
	if a.status != status || p.Status != status || p.Code != code {
		t.Fatalf("%d %s, want %d %s\n%s", a.status, p.Code, status, code, a.body)
	}
	if len(p.Cause) == 0 || p.Cause[0].Origin != "bot-xapi-services" || a.header.Get("Content-Type") != "application/json" {
		t.Errorf("%s: cause %v, %s", code, p.Cause, a.header.Get("Content-Type"))
	}
	for _, part := range says {
		if !strings.Contains(p.MessageServer, part) {
			t.Errorf("%s: messageServer %q does not say %q", code, p.MessageServer, part)
		}
	}
	if denied := status == 401 || status == 403; denied != (p.Message.Message == "Acceso denegado") {
		t.Errorf("%s: message %q", code, p.Message.Message)
	}
	if patient := status == 429 || status == 503; patient && !regexp.MustCompile(`^[1-9][0-9]*$`).MatchString(a.header.Get("Retry-After")) {
		t.Errorf("%s: Retry-After %q", code, a.header.Get("Retry-After"))
	}
	leaks(t, a)
	return p
}

// origins are those of cause, joined by >.
func (p problemBody) origins() string {
	names := make([]string, len(p.Cause))
	for i, c := range p.Cause {
		names[i] = c.Origin
	}
	return strings.Join(names, ">")
}

// telltale is what no answer may hold: hosts, statements, stacks, third parties' own words.
var telltale = regexp.MustCompile(`(?i)127\.0\.0\.1|localhost|\b\d+\.\d+\.\d+\.\d+\b|:\d{4,5}\b|select |insert |sqlstate|pgx|postgres|redis|goroutine|panic|\.go:|puente/|segmento|<html|salesforce|connection refused|context deadline|no such column|errorid|/botservice`)

// leaks checks that an answer tells nothing of our inside.
func leaks(t testing.TB, a answer) {
	t.Helper()
	if found := telltale.FindString(a.body); found != "" {
		t.Errorf("the answer tells %q: %s", found, a.body)
	}
	for name := range a.header {
		if name == "Server" || strings.HasPrefix(name, "X-Powered") {
			t.Errorf("the answer has a header %s", name)
		}
	}
}

// responseDate is the one part of a success that differs from call to call.
var responseDate = regexp.MustCompile(`"responseDate":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{7}-05:00"`)

// wantSuccess checks a success against the document's sample, byte for byte but for its date.
func wantSuccess(t testing.TB, a answer, system, correlation, message, property, value string) {
	t.Helper()
	golden := fmt.Sprintf(`{"responseHeader":{"system":{"name":%[1]q,"correlationID":%[2]q,"processingServer":""},"service":{"status":"OK","responseDate":"DATE","processingServer":"","statusDetail":[{"errorCode":"OK_01","errorDetailCode":"La solicitud %[2]s fue exitosa","errorMessage":%[3]q,"errorMessageUser":""}]},"properties":[{"name":%[4]q,"value":%[5]q}]}}`,
		system, correlation, message, property, value)
	if got := responseDate.ReplaceAllString(a.body, `"responseDate":"DATE"`); a.status != 200 || got != golden {
		t.Fatalf("%d\n got %s\nwant %s", a.status, got, golden)
	}
	if a.header.Get("Content-Type") != "application/json" || a.correlation() != correlation {
		t.Errorf("headers %v", a.header)
	}
}

// Success messages of the document, and [D] its two counterparts.
const (
	nipRequested = "Se solicito de manera exitosa el NIP"
	nipResent    = "Se reenvio de manera exitosa el NIP"
	portInFiled  = "Se registro de manera exitosa la portabilidad"
	stateTold    = "Se consulto de manera exitosa el estado de la portabilidad"
)

// wantNIP checks the success of a request for a NIP.
func (c *caller) wantNIP(t testing.TB, a answer) {
	t.Helper()
	wantSuccess(t, a, c.system, a.correlation(), nipRequested, "FLUJO", "LTE")
}

// raw sends text on a connection of its own and returns all that comes back until it closes.
func (p *platform) raw(t testing.TB, text string) string {
	t.Helper()
	conn := p.dial(t)
	go func() { _, _ = io.WriteString(conn, text) }() // the answer may come before the end
	var all bytes.Buffer
	_, err := all.ReadFrom(conn)
	if err != nil && !strings.Contains(err.Error(), "reset") {
		t.Fatalf("%v after %q", err, all.String())
	}
	return all.String()
}

func (p *platform) dial(t testing.TB) net.Conn {
	t.Helper()
	conn, err := net.DialTimeout("tcp", p.edge().at.Public, 5*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return conn
}
