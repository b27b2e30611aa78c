package reconexion

import (
	"context"

	"github.com/go-json-experiment/json/jsontext"

	"puente/contracts/xapi/reconexion"
	"puente/shared/envelope"
	"puente/shared/hop"
	"puente/shared/telemetry"
	"puente/shared/typology"
)

// Typologies of successes beside OK_01, which is the code that all of them answer.
const (
	textPQR   = "OK_01_PQR"
	textBatch = "OK_01_BATCH"
)

const (
	reconnected = "El servicio fue reconectado exitosamente"
	filed       = "No fue posible crear la orden de reconexión. Se registró la PQR {pqr}"
	received    = "El lote fue recibido"
	succeeded   = "La solicitud {correlationID} fue exitosa. "
)

// texts are the document's, and where it has none ours.
var texts = typology.Declaration{
	Phone: "Phone", Document: "Document_Number",
	Texts: append(envelope.Texts(),
		success(envelope.CodeOK, reconnected), success(textPQR, filed), success(textBatch, received),
		envelope.Terse(envelope.CodeInvalid, 200, "El request es nulo o faltan campos obligatorios", "Document_Number, Document_Type o Phone vacíos"),
		envelope.Text(reconexion.CodeNoService, 200, "Servicio no encontrado", "El número telefónico no existe en el sistema", "No se encontró servicio asociado al número {phone}"),
		envelope.Text(reconexion.CodeNotSuspended, 200, "Servicio no está suspendido", "El servicio está activo, no requiere reconexión", "El servicio asociado al número {phone} no está suspendido"),
		envelope.Text(reconexion.CodeNotHolder, 200, "Error de titularidad", "El documento no corresponde al titular del servicio", "El documento {document} no corresponde al titular del servicio {phone}"),
		envelope.Text(reconexion.CodeNoStrategy, 200, "Error en el tipo de reconexión", "No se puede procesar la reconexión según el motivo", "El motivo de la suspensión del servicio {phone} no permite la reconexión"),
		envelope.Text(reconexion.CodeNoBatch, 404, "Lote no encontrado", "El lote no existe o es de otro sistema", "No se encontró el lote"),
	),
}

func success(code, message string) typology.Declared {
	return envelope.Terse(code, 200, succeeded+message, message)
}

// header is that of a success, with the HTTP status that the typologies give it.
func (c *channel) header(ctx context.Context, caller envelope.Header, code, phone, document, pqr string) (reconexion.ResponseHeader, int) {
	text := c.text(hop.PrincipalOf(ctx).System, code, typology.Values{
		Correlation: caller.Correlation, Phone: phone, Document: telemetry.MaskDocument(document), PQR: pqr,
	})
	return reconexion.ResponseHeader{
		System:   reconexion.System{Name: &caller.System, CorrelationID: &caller.Correlation, ProcessingServer: &c.instance},
		Service:  envelope.Succeeded(c.now(), text),
		Property: envelope.Property(caller.Property),
	}, text.Status
}

// shape is the documented form of an error.
func shape(f envelope.Fault) any {
	return reconexion.ErrorResponse{
		Header: reconexion.ErrorHeader{
			System: reconexion.System{Name: f.System, CorrelationID: f.Correlation, ProcessingServer: f.Instance},
			Service: reconexion.ErrorService{
				Status: "ERROR", Code: f.Code, Message: f.Text.Detail,
				StatusDetail: []reconexion.ErrorDetail{{Code: f.Code, Message: f.Text.Message, Detail: f.Text.User}},
			},
			Property: f.Property,
		},
		Body: jsontext.Value("null"),
	}
}
