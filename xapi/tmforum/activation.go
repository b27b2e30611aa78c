package tmforum

import (
	"context"
	"errors"
	"fmt"

	"puente/contracts/papi/tvvalidation"
	"puente/contracts/xapi/tmf640"
	"puente/shared/problem"
)

// television is what TMF640 needs of the television validation.
type television interface {
	Service(context.Context, tvvalidation.Request) (tvvalidation.Service, error)
	Normalization(context.Context, tvvalidation.IDQuery) (tvvalidation.Normalization, error)
}

type activationChannel struct{ television television }

// Service finds the television of a connection.
func (c *activationChannel) Service(ctx context.Context, in tmf640.Query) (tmf640.Service, error) {
	found, err := c.television.Service(ctx, tvvalidation.Request{Connection: in.ID})
	if e := problem.Of(err); e != nil && e.Code == tvvalidation.CodeNoService { // to who reads a resource there is none
		none := *e
		none.Kind, none.Code, none.Detail = problem.NotFound, "", refusals[e.Code]
		err = &none
	}
	if err != nil {
		return tmf640.Service{}, fmt.Errorf("service: %w", explained(err))
	}
	return selected(serviceOf(found), in.Fields), nil
}

// serviceOf is a service as TMF640 shows it.
func serviceOf(s tvvalidation.Service) tmf640.Service {
	one := func(name tmf640.CharacteristicName, value string) tmf640.Characteristic {
		return tmf640.Characteristic{Name: name, ValueType: tmf640.ValueString, Value: value}
	}
	several := func(name tmf640.CharacteristicName, values []string) tmf640.Characteristic {
		return tmf640.Characteristic{Name: name, ValueType: tmf640.ValueArray, Value: listed(values)}
	}
	return tmf640.Service{
		ID: s.Connection, Href: href(services, s.Connection), ServiceType: tmf640.TypeTelevision, State: serviceState[s.State],
		ServiceCharacteristic: []tmf640.Characteristic{
			one(tmf640.Technology, string(s.Technology)),
			one(tmf640.Account, s.Account),
			one(tmf640.SubscriberState, s.SubscriberState),
			several(tmf640.AdditionalChannels, s.Channels),
			several(tmf640.AdditionalServices, s.Services),
			several(tmf640.SetTopBoxes, s.Devices),
		},
		Type: "Service",
	}
}

var serviceState = map[tvvalidation.ServiceState]tmf640.ServiceState{
	tvvalidation.ServiceActive:    tmf640.ServiceActive,
	tvvalidation.ServiceSuspended: tmf640.ServiceInactive,
}

// refusals are the texts of the process's codes (source document: Validación de Estado de Televisión,
// "Manejo de errores").
var refusals = map[string]string{
	tvvalidation.CodeNoService:          "El número de teléfono no está asociado a un servicio activo",
	tvvalidation.CodeAccount:            "Error en la consulta de información del servicio",
	tvvalidation.CodeInventoryRefused:   "Error en la consulta de inventario del servicio",
	tvvalidation.CodeInventoryFailed:    "Error interno en la consulta de inventario",
	tvvalidation.CodeChannelTable:       "Error en la configuración de canales adicionales",
	tvvalidation.CodeChannelTableUnread: "Error interno en la consulta de canales",
	tvvalidation.CodeChannels:           "Error en la consulta de canales adicionales",
	tvvalidation.CodeServiceTable:       "Error en la configuración de servicios adicionales",
	tvvalidation.CodeServiceTableUnread: "Error interno en la consulta de servicios",
	tvvalidation.CodeServices:           "Error en la consulta de servicios adicionales",
	tvvalidation.CodeDevices:            "Error en la consulta de equipos (MAC)",
	tvvalidation.CodePlatforms:          "Error en la consulta paralela a plataformas",
	tvvalidation.CodeNoAccess:           "Error en la validación de acceso a plataformas",
}

// explained is err in the words of its code, if that is one of the television validation's: the process
// has words for operators.
func explained(err error) error {
	var e *problem.Error
	if !errors.As(err, &e) || refusals[e.Code] == "" {
		return err
	}
	told := *e
	told.Detail = refusals[e.Code]
	return &told
}
