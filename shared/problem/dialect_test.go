package problem

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"
)

var occurrence = Occurrence{Incident: "01890a5d-ac96-774b-bcce-b302099a8057", System: "TIENDA", Correlation: "TIENDA-1", Read: true}

var mule = Mule{Origin: "bot-xapi-services", Origins: map[string]string{"salesorder": "bot-sapi-services"}}

// The rows of the table of errors of the portabilities document, with the platform's decisions.
func TestMule(t *testing.T) {
	for name, c := range map[string]struct {
		err        *Error
		want       string
		retryAfter string
	}{
		"a field of the request": {
			err:  &Error{Kind: Invalid, Fields: []Field{{Path: "phone", Rule: "is required"}, {Path: "order.flow", Rule: "must be a string"}}},
			want: `{"status":400,"code":"BAD_REQUEST","message":{"message":"La solicitud no es válida"},"messageServer":"phone is required; order.flow must be a string","cause":[{"origin":"bot-xapi-services","message":"the request was refused"}]}`,
		},
		"a field that the system refuses": {
			err: Cross((&Error{Kind: Conflict, Code: "INVALID_FIELD", Fields: []Field{{Path: "nip", Rule: "is not accepted by BotService"}},
				Err: errors.New("No such column 'Segmento'")}).Caused("botservice"), "salesorder"),
			want: `{"status":409,"code":"INVALID_FIELD","message":{"message":""},"messageServer":"nip is not accepted by BotService (incident 01890a5d-ac96-774b-bcce-b302099a8057)",` +
				`"cause":[{"origin":"bot-xapi-services","message":"the state does not allow it"},{"origin":"bot-sapi-services","message":"the state does not allow it"},{"origin":"botservice","message":"the state does not allow it"}]}`,
		},
		"a system that answers with an error": {
			err: Cross((&Error{Kind: BadUpstream, Err: errors.New("botdev.portallteqa.p.azurewebsites.net answered 500")}).Caused("botservice"), "salesorder"),
			want: `{"status":500,"code":"INTERNAL_SERVER_ERROR","message":{"message":""},"messageServer":"A system behind the platform answered with an error (incident 01890a5d-ac96-774b-bcce-b302099a8057)",` +
				`"cause":[{"origin":"bot-xapi-services","message":"the dependency answered with an error"},{"origin":"bot-sapi-services","message":"the dependency answered with an error"},{"origin":"botservice","message":"the dependency answered with an error"}]}`,
		},
		"a defect": {
			err:  &Error{Kind: Internal, Err: errors.New("panic: index out of range")},
			want: `{"status":500,"code":"INTERNAL_SERVER_ERROR","message":{"message":""},"messageServer":"An internal error occurred (incident 01890a5d-ac96-774b-bcce-b302099a8057)","cause":[{"origin":"bot-xapi-services","message":"an internal error occurred"}]}`,
		},
		"no token": {
			err:  &Error{Kind: Unauthenticated},
			want: `{"status":401,"code":"UNAUTHORIZED","message":{"message":"Acceso denegado"},"messageServer":"The access token is missing, malformed, expired or revoked","cause":[{"origin":"bot-xapi-services","message":"access was denied"}]}`,
		},
		"no right": {
			err:  Errorf(Forbidden, "client tienda holds no contract"),
			want: `{"status":403,"code":"FORBIDDEN","message":{"message":"Acceso denegado"},"messageServer":"The client, its contract, scope, system or address does not allow this call","cause":[{"origin":"bot-xapi-services","message":"access was denied"}]}`,
		},
		"a path that is none": {
			err:  &Error{Kind: NotFound, Code: "OPERATION_NOT_FOUND"},
			want: `{"status":404,"code":"OPERATION_NOT_FOUND","message":{"message":"No encontrado"},"messageServer":"Nothing was found","cause":[{"origin":"bot-xapi-services","message":"nothing was found"}]}`,
		},
		"a limit": {
			err:        &Error{Kind: Quota, RetryAfter: 1500 * time.Millisecond, Detail: "The limit of client was reached"},
			want:       `{"status":429,"code":"TOO_MANY_REQUESTS","message":{"message":"Límite de solicitudes alcanzado"},"messageServer":"The limit of client was reached","cause":[{"origin":"bot-xapi-services","message":"a limit was reached"}]}`,
			retryAfter: "2",
		},
		"a limit that does not say when": {
			err:        &Error{Kind: Shed},
			want:       `{"status":503,"code":"SERVICE_UNAVAILABLE","message":{"message":"Servicio no disponible"},"messageServer":"The platform is at its capacity (incident 01890a5d-ac96-774b-bcce-b302099a8057)","cause":[{"origin":"bot-xapi-services","message":"a limit was reached"}]}`,
			retryAfter: "1",
		},
		"still running": {
			err:        &Error{Kind: Conflict, Code: "REQUEST_IN_PROGRESS", RetryAfter: time.Second, Detail: "A request with the same correlation is still running"},
			want:       `{"status":409,"code":"REQUEST_IN_PROGRESS","message":{"message":""},"messageServer":"A request with the same correlation is still running (incident 01890a5d-ac96-774b-bcce-b302099a8057)","cause":[{"origin":"bot-xapi-services","message":"the state does not allow it"}]}`,
			retryAfter: "1",
		},
		"too late": {
			err:  &Error{Kind: Timeout},
			want: `{"status":504,"code":"GATEWAY_TIMEOUT","message":{"message":""},"messageServer":"The deadline passed (incident 01890a5d-ac96-774b-bcce-b302099a8057)","cause":[{"origin":"bot-xapi-services","message":"the deadline passed"}]}`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			a := mule.Render(c.err, occurrence)
			if string(a.Body) != c.want {
				t.Errorf("got  %s\nwant %s", a.Body, c.want)
			}
			var body struct{ Status int }
			if err := json.Unmarshal(a.Body, &body); err != nil || body.Status != a.Status {
				t.Errorf("status %d, in the body %d (%v)", a.Status, body.Status, err)
			}
			if got := a.Header.Get("Retry-After"); got != c.retryAfter {
				t.Errorf("Retry-After %q, want %q", got, c.retryAfter)
			}
			if got := a.Header.Get("Content-Type"); got != "application/json" {
				t.Errorf("Content-Type %q", got)
			}
		})
	}
}

// No dialect shows a hidden cause, whatever the kind.
func TestDialectsHideTheCause(t *testing.T) {
	const secret = "password=swordfish of db-7.internal"
	for k := range kinds {
		for name, d := range map[string]Dialect{"mule": mule, "details": Details, "tmf": TMF} {
			e := Errorf(k, "connect: %s", secret)
			a := d.Render(e, occurrence)
			if strings.Contains(string(a.Body), "swordfish") || strings.Contains(string(a.Body), "db-7") {
				t.Errorf("%s, %v: %s", name, k, a.Body)
			}
			if !json.Valid(a.Body) || a.Status < 400 {
				t.Errorf("%s, %v: %d %s", name, k, a.Status, a.Body)
			}
			if limited := k == Quota || k == Shed || k == Unavailable; limited && a.Header.Get("Retry-After") == "" {
				t.Errorf("%s, %v: nothing says when to come back", name, k)
			}
		}
	}
}

// RFC 9457 §3.1: title and status are those of the status, and the trail of layers stays inside.
func TestDetails(t *testing.T) {
	a := Details.Render(Cross(&Error{Kind: NotFound, Detail: "No such operation"}, "inventory"), occurrence)
	want := `{"type":"about:blank","title":"Not Found","status":404,"detail":"No such operation","kind":"not_found"}`
	if string(a.Body) != want || a.Status != 404 || a.Header.Get("Content-Type") != MediaType {
		t.Errorf("%d %v %s", a.Status, a.Header, a.Body)
	}
	a = Details.Render(&Error{Kind: Internal}, occurrence)
	if !strings.Contains(string(a.Body), `"detail":"incident `+occurrence.Incident+`"`) {
		t.Errorf("a defect without its reference: %s", a.Body)
	}
}
