package telemetry

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// TraceConfig says where spans go.
type TraceConfig struct {
	Endpoint string  // URL of an OTLP/HTTP collector; empty: spans are not made
	Ratio    float64 // of the traces that begin here; those of callers follow the caller
}

// Validate refuses a ratio that is none.
func (c TraceConfig) Validate() error {
	if c.Ratio < 0 || c.Ratio > 1 {
		return errors.New("ratio: must be between 0 and 1")
	}
	return nil
}

// Tracer makes spans. Without a collector it makes none and costs nothing.
type Tracer struct {
	tracer trace.Tracer // nil: off
	root   sdktrace.Sampler
}

// Tracing starts the export of spans to cfg's collector; shutdown sends what is still held back.
func Tracing(ctx context.Context, cfg TraceConfig, version string) (t *Tracer, shutdown func(context.Context) error, err error) {
	if cfg.Endpoint == "" {
		return &Tracer{}, func(context.Context) error { return nil }, nil
	}
	exporter, err := otlptracehttp.New(ctx, otlptracehttp.WithEndpointURL(cfg.Endpoint), otlptracehttp.WithTimeout(5*time.Second))
	if err != nil {
		return nil, nil, fmt.Errorf("trace: %w", err)
	}
	// Whether to sample is decided once, with the trace context; every span that is made is kept.
	provider := sdktrace.NewTracerProvider(
		sdktrace.WithBatcher(exporter, sdktrace.WithMaxQueueSize(4096)),
		sdktrace.WithResource(resource.NewSchemaless(attribute.String("service.name", "puente"), attribute.String("service.version", version))),
		sdktrace.WithIDGenerator(given{}),
	)
	return &Tracer{tracer: provider.Tracer("puente"), root: sdktrace.TraceIDRatioBased(cfg.Ratio)}, provider.Shutdown, nil
}

// Root decides whether a trace that begins here is sampled.
func (t *Tracer) Root(tr Trace) Trace {
	if t.tracer != nil {
		tr.Sampled = t.root.ShouldSample(sdktrace.SamplingParameters{TraceID: tr.ID}).Decision == sdktrace.RecordAndSample
	}
	return tr
}

type spanKey struct{}

// Start begins the span that TraceOf(ctx) names; end ends it, with err as its status. parent is the
// position the span hangs below; its zero value makes it a root.
func (t *Tracer) Start(ctx context.Context, name string, kind trace.SpanKind, parent Trace) (end func(err error)) {
	own := TraceOf(ctx)
	if t.tracer == nil || !own.Sampled {
		return func(error) {}
	}
	carried := context.WithValue(context.Background(), spanKey{}, own)
	if !parent.IsZero() {
		carried = trace.ContextWithRemoteSpanContext(carried, trace.NewSpanContext(trace.SpanContextConfig{
			TraceID: parent.ID, SpanID: parent.Span, TraceFlags: trace.FlagsSampled, Remote: true,
		}))
	}
	_, span := t.tracer.Start(carried, name, trace.WithSpanKind(kind), trace.WithAttributes(attribute.String("correlation_id", Correlation(ctx))))
	return func(err error) {
		if err != nil {
			span.SetStatus(codes.Error, "") // its text is for the log, which masks
		}
		span.End()
	}
}

// given takes the IDs that the trace context already has.
type given struct{}

// NewIDs implements sdktrace.IDGenerator.
func (given) NewIDs(ctx context.Context) (trace.TraceID, trace.SpanID) {
	t, _ := ctx.Value(spanKey{}).(Trace)
	return t.ID, t.Span
}

// NewSpanID implements sdktrace.IDGenerator.
func (given) NewSpanID(ctx context.Context, _ trace.TraceID) trace.SpanID {
	t, _ := ctx.Value(spanKey{}).(Trace)
	return t.Span
}
