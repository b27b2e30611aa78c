package problem

import (
	"encoding/json"
	"strconv"
)

// TMF renders the Error of TM Forum's Open APIs v4 (TMF630 part 1): code is the catalogue's, reason is
// for people, message has the details, status is the HTTP status as text. It names no layer.
// referenceError stays out: it is the URI of documentation, and the catalogue is not public.
var TMF Dialect = tmf{}

type tmf struct{}

type tmfBody struct {
	Code    string `json:"code"`
	Reason  string `json:"reason"`
	Message string `json:"message"`
	Status  string `json:"status"`
	Type    string `json:"@type"`
}

// tmfReasons say what happened, for people.
var tmfReasons = [kinds]string{
	Internal:         "Error interno",
	Invalid:          "La solicitud no es válida",
	Unauthenticated:  "Acceso denegado",
	Forbidden:        "Acceso denegado",
	NotFound:         "No encontrado",
	MethodNotAllowed: "Método no permitido",
	Conflict:         "El estado no permite la solicitud",
	TooLarge:         "La solicitud es demasiado grande",
	TargetTooLong:    "La dirección es demasiado larga",
	UnsupportedMedia: "Tipo de contenido no soportado",
	Rejected:         "La solicitud fue rechazada",
	HeadersTooLarge:  "Los encabezados son demasiado grandes",
	Quota:            "Límite de solicitudes alcanzado",
	Shed:             "Servicio no disponible",
	Unavailable:      "Servicio no disponible",
	BadUpstream:      "Un sistema respondió con error",
	Timeout:          "Tiempo de espera agotado",
	Unknown:          "El resultado aún no se conoce",
	Abandoned:        "La solicitud fue abandonada",
}

// tmfCode is the code of a kind where the error names none: the Mule body's, but for what that body
// shows as a defect of ours.
func tmfCode(k Kind) string {
	if k == BadUpstream {
		return "BAD_GATEWAY"
	}
	return muleRules[k].code
}

// Render makes the TMF Error of e.
func (tmf) Render(e *Error, at Occurrence) Answer {
	status := e.Kind.Status()
	body := tmfBody{
		Code: tmfCode(e.Kind), Reason: tmfReasons[e.Kind], Message: explanation(e, muleRules[e.Kind].server, at),
		Status: strconv.Itoa(status), Type: "Error",
	}
	if e.Code != "" {
		body.Code = e.Code
	}
	text, err := json.Marshal(body)
	if err != nil { // strings only: cannot happen
		panic(err)
	}
	return Answer{Status: status, Header: Header(e, "application/json"), Body: text}
}
