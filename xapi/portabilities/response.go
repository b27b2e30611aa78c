package portabilities

import (
	"context"
	"time"

	"puente/contracts/sapi/salesorder"
	"puente/contracts/xapi/portabilities"
	"puente/shared/hop"
	"puente/shared/telemetry"
)

// messages are the success texts by intent; the first is the document's.
var messages = map[salesorder.Intent]string{
	salesorder.IntentRequestNIP: "Se solicito de manera exitosa el NIP",
	salesorder.IntentResendNIP:  "Se reenvio de manera exitosa el NIP",
	salesorder.IntentPortIn:     "Se registro de manera exitosa la portabilidad",
	salesorder.IntentStatus:     "Se consulto de manera exitosa el estado de la portabilidad",
}

// bogota is the offset of the documented dates.
var bogota = time.FixedZone("America/Bogota", -5*60*60)

// dateLayout has the 7 fractional digits of the document's sample.
const dateLayout = "2006-01-02T15:04:05.0000000-07:00"

// success is the documented success shape; system echoes the caller.
func (c *channel) success(ctx context.Context, message string, property portabilities.Property) portabilities.Response {
	correlation := telemetry.Correlation(ctx)
	return portabilities.Response{Header: portabilities.ResponseHeader{
		System: portabilities.System{Name: hop.PrincipalOf(ctx).System, CorrelationID: correlation},
		Service: portabilities.Service{
			Status: "OK", ResponseDate: c.now().In(bogota).Format(dateLayout),
			StatusDetail: []portabilities.StatusDetail{{
				ErrorCode: "OK_01", ErrorDetailCode: "La solicitud " + correlation + " fue exitosa", ErrorMessage: message,
			}},
		},
		Properties: []portabilities.Property{property},
	}}
}
