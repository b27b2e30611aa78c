// Package tmf653 is the contract of the experience API TMF653 Service Test Management v4 over the
// validation of television. What the standard leaves open is decided in its document.
package tmf653

import (
	_ "embed"
	"time"

	"puente/shared/hop"
)

//go:embed openapi.yaml
var spec []byte

// Contract is this API, as its document promises it.
var Contract = hop.Contract{Layer: "xapi", Name: "tmf653", Spec: spec}

// Operations of the contract; method, path and status come from its document.
var (
	CreateServiceTest   = hop.Operation[ServiceTestCreate, ServiceTest]{Contract: &Contract, ID: "createServiceTest"}
	RetrieveServiceTest = hop.Operation[TestQuery, ServiceTest]{Contract: &Contract, ID: "retrieveServiceTest"}
)

// The values of members that have only one here.
const (
	ModeOnDemand    = "ONDEMAND"
	StateCompleted  = "completed"
	SpecTelevision  = "television"
	ValueTypeArray  = "array"
	SameAsInventory = "sameAsInventory"
)

// ServiceTestCreate is schema ServiceTestCreate.
type ServiceTestCreate struct {
	Name              string                `json:"name,omitempty"`
	Description       string                `json:"description,omitempty"`
	Mode              string                `json:"mode,omitempty"`
	RelatedService    ServiceRef            `json:"relatedService"`
	TestSpecification *TestSpecificationRef `json:"testSpecification,omitempty"`
	Type              string                `json:"@type,omitempty"`
}

// ServiceRef is schema ServiceRef. ID is the connection.
type ServiceRef struct {
	ID           string `json:"id"`
	Href         string `json:"href,omitempty"`
	ReferredType string `json:"@referredType,omitempty"`
}

// TestSpecificationRef is schema TestSpecificationRef.
type TestSpecificationRef struct {
	ID           string `json:"id"`
	ReferredType string `json:"@referredType,omitempty"`
}

// TestQuery names a test, and the first-level members to answer; empty: all.
type TestQuery struct {
	ID     string `uri:"id" json:"-"`
	Fields string `form:"fields" json:"-"`
}

// ServiceTest is schema ServiceTest. But for ID and Href a caller may leave out each member.
type ServiceTest struct {
	ID                string                `json:"id"`
	Href              string                `json:"href"`
	Name              string                `json:"name,omitempty"`
	Description       string                `json:"description,omitempty"`
	Mode              string                `json:"mode,omitempty"`
	State             string                `json:"state,omitempty"`
	StartDateTime     *time.Time            `json:"startDateTime,omitempty"`
	EndDateTime       *time.Time            `json:"endDateTime,omitempty"`
	RelatedService    *ServiceRef           `json:"relatedService,omitempty"`
	TestSpecification *TestSpecificationRef `json:"testSpecification,omitempty"`
	TestMeasure       []TestMeasure         `json:"testMeasure,omitempty"`
	Type              string                `json:"@type,omitempty"`
}

// Location is where the test is read.
func (t ServiceTest) Location() string { return t.Href }

// TestMeasure is schema TestMeasure: what one platform has. Value is nil where it could not be asked.
type TestMeasure struct {
	MetricName        Metric          `json:"metricName"`
	MetricDescription string          `json:"metricDescription"`
	CaptureDateTime   time.Time       `json:"captureDateTime"`
	Value             *Characteristic `json:"value,omitempty"`
	RuleViolation     []RuleViolation `json:"ruleViolation,omitempty"`
	Type              string          `json:"@type"`
}

// Metric is what is measured.
type Metric string

// The metrics.
const (
	AdditionalChannels Metric = "additionalChannels"
	AdditionalServices Metric = "additionalServices"
	SetTopBoxes        Metric = "setTopBoxes"
	SubscriberState    Metric = "subscriberState"
)

// Characteristic is schema Characteristic.
type Characteristic struct {
	Name      Metric   `json:"name"`
	ValueType string   `json:"valueType"`
	Value     []string `json:"value"`
}

// RuleViolation is schema RuleViolation: the platform has not what the inventory says.
type RuleViolation struct {
	Name            string `json:"name"`
	Description     string `json:"description"`
	ComparatorExact bool   `json:"conformanceComparatorExact"`
	TargetExact     string `json:"conformanceTargetExact"`
	Type            string `json:"@type"`
}
