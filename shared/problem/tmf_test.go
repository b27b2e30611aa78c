package problem

import (
	"encoding/json"
	"errors"
	"strconv"
	"testing"
	"time"
)

func TestTMF(t *testing.T) {
	for name, c := range map[string]struct {
		err        *Error
		want       string
		retryAfter string
	}{
		"fields of the request": {
			err:  &Error{Kind: Invalid, Fields: []Field{{Path: "category", Rule: "is required"}, {Path: "serviceOrderItem[0].action", Rule: "must be one of modify"}}},
			want: `{"code":"BAD_REQUEST","reason":"La solicitud no es válida","message":"category is required; serviceOrderItem[0].action must be one of modify","status":"400","@type":"Error"}`,
		},
		"nothing of that id": {
			err:  Cross(&Error{Kind: NotFound, Err: errors.New("no row in reconnection.batches")}, "reconnection"),
			want: `{"code":"NOT_FOUND","reason":"No encontrado","message":"Nothing was found (incident 01890a5d-ac96-774b-bcce-b302099a8057)","status":"404","@type":"Error"}`,
		},
		"a code of its own": {
			err:  &Error{Kind: Rejected, Code: "CORRELATION_REUSED", Detail: "The correlation was used with another body"},
			want: `{"code":"CORRELATION_REUSED","reason":"La solicitud fue rechazada","message":"The correlation was used with another body","status":"422","@type":"Error"}`,
		},
		"a system that answers with an error": {
			err:  Cross((&Error{Kind: BadUpstream, Err: errors.New("pqr.internal answered 500")}).Caused("pqr"), "reconnection"),
			want: `{"code":"BAD_GATEWAY","reason":"Un sistema respondió con error","message":"A system behind the platform answered with an error (incident 01890a5d-ac96-774b-bcce-b302099a8057)","status":"502","@type":"Error"}`,
		},
		"a limit": {
			err:        &Error{Kind: Quota, RetryAfter: 1500 * time.Millisecond, Detail: "The limit of client was reached"},
			want:       `{"code":"TOO_MANY_REQUESTS","reason":"Límite de solicitudes alcanzado","message":"The limit of client was reached","status":"429","@type":"Error"}`,
			retryAfter: "2",
		},
	} {
		t.Run(name, func(t *testing.T) {
			a := TMF.Render(c.err, occurrence)
			if string(a.Body) != c.want || a.Status != c.err.Kind.Status() {
				t.Errorf("%d\ngot  %s\nwant %s", a.Status, a.Body, c.want)
			}
			if got := a.Header.Get("Retry-After"); got != c.retryAfter {
				t.Errorf("Retry-After %q, want %q", got, c.retryAfter)
			}
		})
	}
}

// TMF630 wants code and reason always, and callers compare status with that of the response.
func TestTMFSaysEverythingOfEveryKind(t *testing.T) {
	for k := range kinds {
		a := TMF.Render(&Error{Kind: k}, occurrence)
		var body tmfBody
		if err := json.Unmarshal(a.Body, &body); err != nil {
			t.Fatal(err)
		}
		if body.Code == "" || body.Reason == "" || body.Message == "" || body.Type != "Error" || body.Status != strconv.Itoa(a.Status) {
			t.Errorf("%v: %d %s", k, a.Status, a.Body)
		}
		found := Explain(body.Code)
		if len(found) == 0 {
			t.Errorf("%v: the catalogue does not explain %s", k, body.Code)
		}
	}
}
