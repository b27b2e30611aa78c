package botservice

import (
	"net/http"
	"time"

	"puente/test/sandbox/fault"
)

// magic is what becomes of a POST for certain phones; the package comment explains them. The body
// that it is given for has passed the checks.
var magic = map[string]fault.Fault{
	"3000000409": {Kind: fault.Status, Status: http.StatusBadRequest,
		Body: `[{"message":"ERROR at Row:1:Column:212 No such column 'Segmento' on entity 'Account'.","errorCode":"INVALID_FIELD"}]`},
	"3000000500": {Kind: fault.Status, Status: http.StatusInternalServerError,
		Body: `[{"message":"An unexpected error occurred. Please include this ErrorId if you contact support: 1867355312-19","errorCode":"UNKNOWN_EXCEPTION"}]`},
	"3000000502": {Kind: fault.Garbage},
	"3000000503": {Kind: fault.Status, Status: http.StatusServiceUnavailable,
		Body: `[{"message":"The service is down for maintenance","errorCode":"SERVER_UNAVAILABLE"}]`},
	"3000000504": {Kind: fault.Hang},
	"3000000505": {Kind: fault.Delay, Delay: 2 * time.Second},
	"3000000506": {Kind: fault.Drip},
	"3000000507": {Kind: fault.Reset},
	"3000000508": {Kind: fault.HangAfterCommit},
	"3000000509": {Kind: fault.GzipBomb},
}
