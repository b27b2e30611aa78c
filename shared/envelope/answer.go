package envelope

import (
	"time"

	"puente/shared/problem"
	"puente/shared/typology"
)

// Date is a time as enveloped answers write it: UTC, 7 fractional digits.
func Date(at time.Time) string { return at.UTC().Format("2006-01-02T15:04:05.0000000Z") }

// Audit is what a caller's application tells of itself, in every enveloped body. It is kept for the
// audit trail and nobody acts on it, but for Canal, which the origin is held against.
type Audit struct {
	Canal         *string `json:"Canal,omitempty"`
	Device        *string `json:"Id_Device,omitempty"`
	SO            *string `json:"SO,omitempty"`
	IPAddress     *string `json:"IP_Address,omitempty"`
	WhatsAppPhone *string `json:"WhatsApp_Phone_Number,omitempty"`
	Latitude      *string `json:"IP_Latitud,omitempty"`
	Longitude     *string `json:"IP_Longitude,omitempty"`
	City          *string `json:"IP_City,omitempty"`
	Country       *string `json:"IP_Country,omitempty"`
	Date          *string `json:"Date,omitempty"`
	Hour          *string `json:"Hour,omitempty"`
}

// Texts are the built-in texts of the codes that every enveloped API has, but for success and for a
// request that breaks the contract, which each API words for itself.
func Texts() []typology.Declared {
	return []typology.Declared{
		Text(CodeInternal, 200, "Error interno", "Se presentó un error interno al procesar la solicitud", "Intente de nuevo más tarde"),
		Text(CodeOrigin, 200, "Origen no permitido", "El sistema o el canal de origen no está registrado o no está autorizado para el servicio", "Acceso denegado"),
		Text(CodeSwitched, 200, "Servicio apagado", "El servicio se encuentra apagado por el operador", "Servicio no disponible. Intente de nuevo más tarde"),
		Text(CodeRepeated, 200, "CorrelationID repetido", "La solicitud {correlationID} está en proceso o ya se usó con otros datos", "Intente de nuevo con otra solicitud"),
		Text(CodeBackend, 200, "Error técnico", "Un sistema de respaldo no respondió o respondió con un error", "Intente de nuevo más tarde"),
		// A caller that does not read the envelope has to slow down, too.
		Text(CodeLimit, 429, "Límite de solicitudes alcanzado", "Se alcanzó el límite de solicitudes del sistema o del usuario", "Intente de nuevo más tarde"),
	}
}

// Text declares the text of a code.
func Text(code string, status int, detail, message, user string) typology.Declared {
	return typology.Declared{Code: code, Text: problem.Text{Status: status, Detail: &detail, Message: &message, User: &user}}
}

// Terse declares the text of a code that has no words for the user.
func Terse(code string, status int, detail, message string) typology.Declared {
	return typology.Declared{Code: code, Text: problem.Text{Status: status, Detail: &detail, Message: &message}}
}
