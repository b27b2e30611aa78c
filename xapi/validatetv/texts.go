package validatetv

import (
	"strings"

	"puente/contracts/papi/tvvalidation"
	"puente/shared/envelope"
	"puente/shared/typology"
)

// texts are the document's ("Manejo de errores"), of both APIs.
var texts = typology.Declaration{
	Phone: "Phone",
	Texts: append(envelope.Texts(),
		envelope.Terse(envelope.CodeOK, 200, "La solicitud fue exitosa", "La solicitud {correlationID} fue exitosa"),
		envelope.Terse(envelope.CodeInvalid, 200, "El request es nulo", "Error en la conversión de datos de entrada"),
		envelope.Text(tvvalidation.CodeNoService, 200, "No se encontró el servicio", "El número de teléfono no está asociado a un servicio activo", "No se encontró información del servicio"),
		envelope.Terse(tvvalidation.CodeAccount, 200, "Error al consultar cuenta de servicio", "Error en la consulta de información del servicio"),
		envelope.Terse(tvvalidation.CodeInventoryRefused, 200, "Error al consultar inventario", "Error en la consulta de inventario del servicio"),
		envelope.Terse(tvvalidation.CodeInventoryFailed, 200, "Error en consulta de inventario", "Error interno en la consulta de inventario"),
		envelope.Terse(tvvalidation.CodeChannelTable, 200, "Error al consultar canales adicionales decodes", "Error en la configuración de canales adicionales"),
		envelope.Terse(tvvalidation.CodeChannelTableUnread, 200, "Error en consulta de canales adicionales decodes", "Error interno en la consulta de canales"),
		envelope.Terse(tvvalidation.CodeChannels, 200, "Error al consultar canales adicionales", "Error en la consulta de canales adicionales"),
		envelope.Terse(tvvalidation.CodeServiceTable, 200, "Error al consultar servicios adicionales decodes", "Error en la configuración de servicios adicionales"),
		envelope.Terse(tvvalidation.CodeServiceTableUnread, 200, "Error en consulta de servicios adicionales decodes", "Error interno en la consulta de servicios"),
		envelope.Terse(tvvalidation.CodeServices, 200, "Error al consultar servicios adicionales", "Error en la consulta de servicios adicionales"),
		envelope.Terse(tvvalidation.CodeDevices, 200, "Error al consultar MAC", "Error en la consulta de equipos (MAC)"),
		envelope.Terse(tvvalidation.CodePlatforms, 200, "Error en consulta de plataformas", "Error en la consulta paralela a plataformas"),
		envelope.Terse(tvvalidation.CodeNoAccess, 200, "Error en validación de medios de acceso", "Error en la validación de acceso a plataformas"),
	),
}

// describe says in words what came of a check.
type describe func(tvvalidation.Check) string

// The checks of things of which there are several. The document shows one text of each pair; the others
// say the same of the other outcome.
var (
	channels = compared("Los canales adicionales")
	services = compared("Los servicios adicionales")
	devices  = compared("Los MACs")
)

func compared(things string) describe {
	return func(c tvvalidation.Check) string {
		switch c.Semaphore {
		case tvvalidation.Green:
			return things + " encontrados en plataforma son los mismos configurados en MSS"
		case tvvalidation.Red:
			return things + " encontrados en plataforma no son los mismos configurados en MSS. Se debe normalizar"
		}
		return notAsked
	}
}

const notAsked = "No fue posible consultar la plataforma"

// subscriber says what the platform's state is, and what it should be by MSS.
func subscriber(c tvvalidation.Check) string {
	states := "El estado en la plataforma es " + named(c.Found) + " y en MSS es " + named(c.Expected) + ". "
	switch c.Semaphore {
	case tvvalidation.Green:
		return states + "No requiere normalización"
	case tvvalidation.Red:
		return states + "Se debe normalizar"
	}
	return notAsked
}

// named is the state of a subscriber: one, or none where the platform does not know it.
func named(state []string) string {
	if len(state) == 0 {
		return "ninguno"
	}
	return strings.Join(state, ", ")
}
