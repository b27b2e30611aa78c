package tmf653

import (
	"testing"

	"puente/shared/contract/contracttest"
)

func TestGoSideIsTheDocument(t *testing.T) {
	contracttest.Compare(t, spec, map[string]any{
		"ServiceTestCreate": ServiceTestCreate{}, "ServiceRef": ServiceRef{}, "TestSpecificationRef": TestSpecificationRef{},
		"ServiceTest": ServiceTest{}, "TestMeasure": TestMeasure{}, "Characteristic": Characteristic{}, "RuleViolation": RuleViolation{},
	}, []Metric{AdditionalChannels, AdditionalServices, SetTopBoxes, SubscriberState})
}
