package e2e

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"testing"

	"puente/test/sandbox"
	"puente/test/sandbox/inventory"
	"puente/test/sandbox/orders"
	"puente/test/sandbox/pqr"
)

// Paths of the reconnection's channels.
const (
	reconexionPath = "/api/services/v2/reconexion"
	batchPath      = reconexionPath + "/batch"
	serviceOrders  = "/tmf-api/serviceOrdering/v4/serviceOrder"
	troubleTickets = "/tmf-api/troubleTicket/v4/troubleTicket/"
)

// line is a line of the sandbox's that no other scenario of the shape has, and whose it is.
type line struct{ phone, documentType, document string }

// newLine makes a line that is suspended for a reason, LTE unless changes say otherwise.
func (p *platform) newLine(t testing.TB, reason string, changes ...func(*inventory.Change)) line {
	t.Helper()
	phone := p.phone()
	l := line{phone, "CC", "9" + phone[1:]}
	change := inventory.Suspend(l.phone, reason)
	change.Holder = &inventory.Holder{DocumentType: l.documentType, DocumentNumber: l.document}
	for _, also := range changes {
		also(&change)
	}
	p.set(t, change)
	return l
}

// set changes lines of the sandbox's.
func (p *platform) set(t testing.TB, changes ...inventory.Change) {
	t.Helper()
	if _, err := p.sandbox.Inventory.Set(changes...); err != nil {
		t.Fatal(err)
	}
}

func owes(c *inventory.Change)          { c.Balance = ptr("85900.00") }
func refusesOrders(c *inventory.Change) { c.RefusesOrders = ptr(true) }
func failsPQR(c *inventory.Change)      { c.FailsPQR = ptr(true) }
func active(c *inventory.Change)        { c.Suspension = json.RawMessage("null") }

func technology(name string) func(*inventory.Change) {
	return func(c *inventory.Change) { c.Technology = &name }
}

// body is the documented body for the line.
func (l line) body(changes ...members) string {
	m := members{"Audit": members{"Canal": "WEB", "SO": "Windows"}, "Document_Number": l.document, "Document_Type": l.documentType, "Phone": l.phone}
	for _, change := range changes {
		for name, value := range change {
			m[name] = value
		}
	}
	return text(m)
}

// inEnvelope puts the documented envelope around a body, as its sample has it.
func inEnvelope(system, correlation, body string) string {
	return fmt.Sprintf(`{"WSRequestHeader":{"System":{"name":%q,"correlationID":%q,"processingServer":null},"Property":[]},"WSRequestBody":%s}`,
		system, correlation, body)
}

// reconnect asks for the line under a correlation; empty: a new one.
func (c *caller) reconnect(t testing.TB, l line, correlation string, headers ...string) answer {
	t.Helper()
	if correlation == "" {
		correlation = c.correlation()
	}
	return c.post(t, reconexionPath, inEnvelope(c.system, correlation, l.body()), headers...)
}

// reply is what of an answer of reconexion differs from case to case; the empty text stands for null.
type reply struct{ code, order, cun, pqr string }

// replyOf reads an answer of either shape.
func replyOf(t testing.TB, a answer) reply {
	t.Helper()
	var read struct {
		Header struct {
			Service struct {
				Code   string `json:"Code"`
				Detail []struct {
					Code string `json:"errorCode"`
				} `json:"statusDetail"`
			} `json:"Service"`
		} `json:"WSResponseHeader"`
		Body struct {
			CUN   string `json:"CUN"`
			Order string `json:"Order_Number"`
			PQR   string `json:"Num_PQR"`
		} `json:"WSResponseBody"`
	}
	if err := json.Unmarshal([]byte(a.body), &read); err != nil || len(read.Header.Service.Detail) != 1 {
		t.Fatalf("%d, not the documented shape: %v\n%s", a.status, err, a.body)
	}
	r := reply{read.Header.Service.Code, read.Body.Order, read.Body.CUN, read.Body.PQR}
	if r.code == "" {
		r.code = read.Header.Service.Detail[0].Code
	}
	return r
}

// Messages of a success.
const (
	messageReconnected = "El servicio fue reconectado exitosamente"
	messageFiled       = "No fue posible crear la orden de reconexión. Se registró la PQR %s"
)

// answeredAt is the one part of an answer in the envelope that differs from call to call.
var answeredAt = regexp.MustCompile(`"responseDate":"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{7}Z"`)

// wantReconnected checks a success against the document's sample, byte for byte but for its date and
// for what belongs to the caller and the case.
func (c *caller) wantReconnected(t testing.TB, a answer, correlation string, want reply) {
	t.Helper()
	message := messageReconnected
	if want.pqr != "" {
		message = fmt.Sprintf(messageFiled, want.pqr)
	}
	golden := fmt.Sprintf(`{"WSResponseHeader":{"System":{"Name":%[1]q,"CorrelationID":%[2]q,"ProcessingServer":%[3]q},"Service":{"status":"OK","responseDate":"DATE","processingServer":null,"statusDetail":[{"errorCode":"OK_01","errorDetailCode":"La solicitud %[2]s fue exitosa. %[4]s","errorMessage":%[4]q,"errorMessageUser":null}]},"Property":[]},"WSResponseBody":{"CUN":%[5]s,"Order_Number":%[6]s,"Num_PQR":%[7]s}}`,
		c.system, correlation, c.edge().name, message, orNull(want.cun), orNull(want.order), orNull(want.pqr))
	if got := answeredAt.ReplaceAllString(a.body, `"responseDate":"DATE"`); a.status != 200 || got != golden {
		t.Fatalf("%d\n got %s\nwant %s", a.status, got, golden)
	}
	if a.header.Get("Content-Type") != "application/json" || a.correlation() != correlation {
		t.Errorf("headers %v", a.header)
	}
	leaks(t, a)
}

func orNull(text string) string {
	if text == "" {
		return "null"
	}
	return fmt.Sprintf("%q", text)
}

// refusals are the texts of the codes: the document's, and [D] those of the codes that it has not.
var refusals = map[string][3]string{
	"ERROR_02": {"Origen no permitido", "El sistema o el canal de origen no está registrado o no está autorizado para el servicio", "Acceso denegado"},
	"ERROR_03": {"Servicio apagado", "El servicio se encuentra apagado por el operador", "Servicio no disponible. Intente de nuevo más tarde"},
	"ERROR_04": {"El request es nulo o faltan campos obligatorios", "Document_Number, Document_Type o Phone vacíos", ""},
	"ERROR_05": {"CorrelationID repetido", "La solicitud {correlationID} está en proceso o ya se usó con otros datos", "Intente de nuevo con otra solicitud"},
	"ERROR_06": {"Servicio no encontrado", "El número telefónico no existe en el sistema", "No se encontró servicio asociado al número {phone}"},
	"ERROR_07": {"Servicio no está suspendido", "El servicio está activo, no requiere reconexión", "El servicio asociado al número {phone} no está suspendido"},
	"ERROR_08": {"Error de titularidad", "El documento no corresponde al titular del servicio", "El documento {document} no corresponde al titular del servicio {phone}"},
	"ERROR_09": {"Error en el tipo de reconexión", "No se puede procesar la reconexión según el motivo", "El motivo de la suspensión del servicio {phone} no permite la reconexión"},
	"ERROR_10": {"Error técnico", "Un sistema de respaldo no respondió o respondió con un error", "Intente de nuevo más tarde"},
}

// wantCode checks a refusal byte for byte; values are for the placeholders of its texts, in pairs.
func (c *caller) wantCode(t testing.TB, a answer, system, correlation, code string, values ...string) {
	t.Helper()
	fill := strings.NewReplacer(append(values, "{correlationID}", correlation)...)
	texts := refusals[code]
	golden := fmt.Sprintf(`{"WSResponseHeader":{"System":{"Name":%s,"CorrelationID":%s,"ProcessingServer":%q},"Service":{"Status":"ERROR","Code":%[4]q,"Message":%[5]q,"StatusDetail":[{"Code":%[4]q,"Message":%[6]q,"Detail":%[7]s}]},"Property":[]},"WSResponseBody":null}`,
		orNull(system), orNull(correlation), c.edge().name, code, texts[0], fill.Replace(texts[1]), orNull(fill.Replace(texts[2])))
	if a.status != 200 || a.body != golden {
		t.Fatalf("%d\n got %s\nwant %s", a.status, a.body, golden)
	}
	leaks(t, a)
}

// ordersOf and casesOf are what the operator's systems filed for a line.
func (p *platform) ordersOf(l line) (filed []orders.Order) {
	for _, o := range p.sandbox.Orders.Orders() {
		if o.Connection == l.phone {
			filed = append(filed, o)
		}
	}
	return filed
}

func (p *platform) casesOf(l line) (filed []pqr.Case) {
	for _, c := range p.sandbox.PQR.Cases() {
		if c.Connection == l.phone {
			filed = append(filed, c)
		}
	}
	return filed
}

// onlyOrder and onlyPQR are the answer for a line that has exactly one of them, and nothing else.
func (p *platform) onlyOrder(t testing.TB, l line) reply {
	t.Helper()
	filed, cases := p.ordersOf(l), p.casesOf(l)
	if len(filed) != 1 || len(cases) > 0 {
		t.Fatalf("filed %+v %+v, want one order", filed, cases)
	}
	return reply{"OK_01", filed[0].Number, filed[0].CUN, ""}
}

func (p *platform) onlyPQR(t testing.TB, l line) reply {
	t.Helper()
	filed, cases := p.ordersOf(l), p.casesOf(l)
	if len(cases) != 1 || len(filed) > 0 {
		t.Fatalf("filed %+v %+v, want one PQR", filed, cases)
	}
	return reply{"OK_01", "", cases[0].CUN, cases[0].Number}
}

func (p *platform) nothing(t testing.TB, l line) {
	t.Helper()
	if filed, cases := p.ordersOf(l), p.casesOf(l); len(filed)+len(cases) > 0 {
		t.Errorf("filed %+v %+v", filed, cases)
	}
}

// asked are the operations of the operator's systems that a correlation came to.
func (p *platform) asked(correlation string) (operations []string) {
	for _, r := range p.sandbox.Requests(sandbox.Filter{Correlation: correlation}) {
		operations = append(operations, r.System+"."+r.Operation)
	}
	return operations
}
