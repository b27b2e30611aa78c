package reconexion

import (
	"testing"

	"puente/shared/contract/contracttest"
	"puente/shared/envelope"
)

func TestGoSideIsTheDocument(t *testing.T) {
	contracttest.Compare(t, spec, map[string]any{
		"Request": Request{}, "Audit": envelope.Audit{}, "BatchRequest": BatchRequest{}, "BatchItem": BatchItem{},
		"Response": Response{}, "ResponseHeader": ResponseHeader{}, "System": System{}, "Service": envelope.Service{}, "StatusDetail": envelope.StatusDetail{},
		"Result": Result{}, "BatchResponse": BatchResponse{}, "Batch": Batch{}, "BatchResult": BatchResult{},
		"ErrorResponse": ErrorResponse{}, "ErrorHeader": ErrorHeader{}, "ErrorService": ErrorService{}, "ErrorDetail": ErrorDetail{},
	}, []DocumentType{CC, CE, NIT, TI, PA, PEP, PPT, RC}, []BatchStatus{BatchRunning, BatchDone}, []ItemStatus{ItemPending, ItemDone})
}
