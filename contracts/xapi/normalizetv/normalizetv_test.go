package normalizetv

import (
	"testing"

	"puente/shared/contract/contracttest"
	"puente/shared/envelope"
)

func TestGoSideIsTheDocument(t *testing.T) {
	contracttest.Compare(t, spec, map[string]any{
		"Request": Request{}, "Audit": envelope.Audit{}, "Response": Response{}, "ResponseHeader": envelope.ResponseHeader{}, "Pair": envelope.Pair{},
		"System": envelope.System{}, "Service": envelope.Service{}, "StatusDetail": envelope.StatusDetail{}, "Result": Result{}, "Correction": Correction{},
		"State": State{}, "Action": Action{}, "DeviceCorrection": Correction{}, "DeviceState": State{}, "DeviceAction": Action{}, "ErrorResponse": envelope.ErrorResponse{}, "ErrorHeader": envelope.ErrorHeader{},
		"ErrorSystem": envelope.ErrorSystem{}, "ErrorService": envelope.ErrorService{}, "ErrorDetail": envelope.ErrorDetail{},
	}, []Semaphore{Green, Red, Yellow}, []ActionKind{ActionAdd, ActionRemove, ActionSet}, []ActionState{ActionPlanned, ActionDone, ActionFailed, ActionUnknown})
}
