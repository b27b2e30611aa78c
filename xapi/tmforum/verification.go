package tmforum

import (
	"context"
	"fmt"
	"strings"
	"time"

	"puente/contracts/papi/tvvalidation"
	"puente/contracts/xapi/tmf653"
)

// validator is what TMF653 needs of the television validation.
type validator interface {
	Validate(context.Context, tvvalidation.Request) (tvvalidation.Verification, error)
	Verification(context.Context, tvvalidation.IDQuery) (tvvalidation.Verification, error)
}

type testChannel struct{ validator validator }

// Create runs a test. Its name and description are the caller's; the process keeps neither.
func (c *testChannel) Create(ctx context.Context, in tmf653.ServiceTestCreate) (tmf653.ServiceTest, error) {
	found, err := c.validator.Validate(ctx, tvvalidation.Request{Connection: in.RelatedService.ID})
	if err != nil {
		return tmf653.ServiceTest{}, fmt.Errorf("service test: %w", explained(err))
	}
	test := testOf(found)
	test.Name, test.Description = in.Name, in.Description
	return test, nil
}

// Retrieve finds a test that was run, here or by another channel of the same client and system.
func (c *testChannel) Retrieve(ctx context.Context, in tmf653.TestQuery) (tmf653.ServiceTest, error) {
	found, err := c.validator.Verification(ctx, tvvalidation.IDQuery{ID: in.ID})
	if err != nil {
		return tmf653.ServiceTest{}, fmt.Errorf("service test: %w", err)
	}
	return selected(testOf(found), in.Fields), nil
}

// testOf is a verification as TMF653 shows it.
func testOf(v tvvalidation.Verification) tmf653.ServiceTest {
	started, ended := firstAsked(v), v.At
	return tmf653.ServiceTest{
		ID: v.ID, Href: href(tests, v.ID), Mode: tmf653.ModeOnDemand, State: tmf653.StateCompleted,
		StartDateTime: &started, EndDateTime: &ended,
		RelatedService:    &tmf653.ServiceRef{ID: v.Connection, Href: href(services, v.Connection), ReferredType: "Service"},
		TestSpecification: &tmf653.TestSpecificationRef{ID: tmf653.SpecTelevision, ReferredType: "ServiceTestSpecification"},
		TestMeasure: []tmf653.TestMeasure{
			measure(tmf653.AdditionalChannels, "Canales adicionales en la plataforma", v.Channels),
			measure(tmf653.AdditionalServices, "Servicios adicionales en la plataforma", v.Services),
			measure(tmf653.SetTopBoxes, "MACs de los decodificadores en la plataforma", v.Devices),
			measure(tmf653.SubscriberState, "Estado del suscriptor en la plataforma", v.Subscriber),
		},
		Type: "ServiceTest",
	}
}

// firstAsked is when the first of the platforms was asked.
func firstAsked(v tvvalidation.Verification) time.Time {
	first := v.Channels.AskedAt
	for _, at := range []time.Time{v.Services.AskedAt, v.Devices.AskedAt, v.Subscriber.AskedAt} {
		if at.Before(first) {
			first = at
		}
	}
	return first
}

// measure is what a platform has. One that could not be asked has no value, and violates no rule.
func measure(metric tmf653.Metric, description string, c tvvalidation.Check) tmf653.TestMeasure {
	m := tmf653.TestMeasure{MetricName: metric, MetricDescription: description, CaptureDateTime: c.AskedAt, Type: "TestMeasure"}
	if c.Semaphore == tvvalidation.Yellow {
		return m
	}
	m.Value = &tmf653.Characteristic{Name: metric, ValueType: tmf653.ValueTypeArray, Value: listed(c.Found)}
	if c.Semaphore == tvvalidation.Red {
		m.RuleViolation = []tmf653.RuleViolation{{
			Name: tmf653.SameAsInventory, Description: "La plataforma no tiene lo configurado en MSS. Se debe normalizar",
			ComparatorExact: true, TargetExact: strings.Join(c.Expected, ","), Type: "MeasureThresholdRuleViolation",
		}}
	}
	return m
}

// listed is a list that is never null.
func listed(items []string) []string { return append([]string{}, items...) }
