package problem

import (
	"encoding/json"
)

// Mule renders the body that callers of the former platform know (source document: API
// Portabilidades v1, "Respuesta de error"):
//
//	{"status": 409, "code": "INVALID_FIELD", "message": {"message": ""}, "messageServer": "…",
//	 "cause": [{"origin": "bot-xapi-services", "message": "…"}]}
//
// Nothing in it names a host, a query, a table or a person: messageServer and cause hold
// allow-listed sentences and the incident's reference.
type Mule struct {
	Origin  string            // the experience API in cause, e.g. bot-xapi-services
	Origins map[string]string // documented names of the layers below, by API
}

type muleBody struct {
	Status        int         `json:"status"`
	Code          string      `json:"code"`
	Message       muleMessage `json:"message"`
	MessageServer string      `json:"messageServer"`
	Cause         []Cause     `json:"cause"`
}

type muleMessage struct {
	Message string `json:"message"`
}

// muleRules says how a kind looks where the error names no code of its own.
var muleRules = [kinds]struct {
	status  int
	code    string
	message string // for people
	server  string // technical
}{
	Internal:         {500, "INTERNAL_SERVER_ERROR", "", "An internal error occurred"},
	Invalid:          {400, "BAD_REQUEST", "La solicitud no es válida", "The request breaks the contract"},
	Unauthenticated:  {401, "UNAUTHORIZED", "Acceso denegado", "The access token is missing, malformed, expired or revoked"},
	Forbidden:        {403, "FORBIDDEN", "Acceso denegado", "The client, its contract, scope, system or address does not allow this call"},
	NotFound:         {404, "NOT_FOUND", "No encontrado", "Nothing was found"},
	MethodNotAllowed: {405, "METHOD_NOT_ALLOWED", "", "The resource does not support this method"},
	Conflict:         {409, "CONFLICT", "", "The state does not allow this call"},
	TooLarge:         {413, "PAYLOAD_TOO_LARGE", "", "The body is larger than the limit"},
	TargetTooLong:    {414, "URI_TOO_LONG", "", "The request target is longer than 4096 bytes"},
	UnsupportedMedia: {415, "UNSUPPORTED_MEDIA_TYPE", "", "The body must be application/json, not encoded"},
	Rejected:         {422, "UNPROCESSABLE_ENTITY", "", "A business rule refused the request"},
	HeadersTooLarge:  {431, "HEADERS_TOO_LARGE", "", "A header is larger than 16384 bytes or all are larger than 32768"},
	Abandoned:        {StatusAbandoned, "CLIENT_CLOSED_REQUEST", "", "The caller went away before it was answered"},
	Quota:            {429, "TOO_MANY_REQUESTS", "Límite de solicitudes alcanzado", "A request limit was reached"},
	Shed:             {503, "SERVICE_UNAVAILABLE", "Servicio no disponible", "The platform is at its capacity"},
	Unavailable:      {503, "SERVICE_UNAVAILABLE", "Servicio no disponible", "The service is not available"},
	BadUpstream:      {500, "INTERNAL_SERVER_ERROR", "", "A system behind the platform answered with an error"},
	Timeout:          {504, "GATEWAY_TIMEOUT", "", "The deadline passed"},
	Unknown:          {504, "GATEWAY_TIMEOUT", "", "The outcome is not known yet; it is being resolved"},
}

// Render makes the Mule body of e.
func (m Mule) Render(e *Error, at Occurrence) Answer {
	rule := muleRules[e.Kind]
	body := muleBody{
		Status: rule.status, Code: rule.code, Message: muleMessage{rule.message},
		MessageServer: explanation(e, rule.server, at),
		Cause:         []Cause{{Origin: m.Origin, Message: e.Kind.message()}},
	}
	if e.Code != "" {
		body.Code = e.Code
	}
	for _, cause := range e.Trail {
		if name, ok := m.Origins[cause.Origin]; ok {
			cause.Origin = name
		}
		body.Cause = append(body.Cause, cause)
	}
	text, err := json.Marshal(body)
	if err != nil { // strings and numbers only: cannot happen
		panic(err)
	}
	return Answer{Status: rule.status, Header: Header(e, "application/json"), Body: text}
}
