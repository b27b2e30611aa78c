package tmf640

import (
	"testing"

	"puente/shared/contract/contracttest"
)

func TestGoSideIsTheDocument(t *testing.T) {
	contracttest.Compare(t, spec, map[string]any{
		"Service": Service{}, "Characteristic": Characteristic{}, "Monitor": Monitor{}, "Request": Request{}, "Response": Response{},
		"HeaderItem": HeaderItem{}, "NormalizationResult": NormalizationResult{}, "Normalized": Normalized{}, "Action": Action{},
	},
		[]ServiceState{ServiceActive, ServiceInactive}, []ValueType{ValueString, ValueArray}, []MonitorState{MonitorInProgress, MonitorCompleted, MonitorInError},
		[]CharacteristicName{Technology, Account, SubscriberState, AdditionalChannels, AdditionalServices, SetTopBoxes},
		[]Semaphore{Green, Red, Yellow}, []ActionKind{ActionAdd, ActionRemove, ActionSet}, []ActionState{ActionPlanned, ActionDone, ActionFailed, ActionUnknown})
}
