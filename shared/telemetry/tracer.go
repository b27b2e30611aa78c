package telemetry

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
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
	Endpoint string       // URL of an OTLP/HTTP collector, less /v1/traces or not; empty: spans are not made
	Ratio    float64      // of the traces that begin here; those of callers follow the caller
	Log      *slog.Logger // hears when the collector fails and when it is back; nil: OpenTelemetry's own handler does
}

// Validate refuses a ratio that is none and an endpoint that is no URL.
func (c TraceConfig) Validate() error {
	var errs []error
	if !(c.Ratio >= 0 && c.Ratio <= 1) {
		errs = append(errs, errors.New("ratio: must be between 0 and 1"))
	}
	if _, err := c.traces(); c.Endpoint != "" && err != nil {
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// traces is the URL that takes spans: a collector's address gets the path of the OTLP specification.
func (c TraceConfig) traces() (string, error) {
	u, err := url.Parse(c.Endpoint)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return "", errors.New("endpoint: must be an http or https URL")
	}
	if u.Path == "" || u.Path == "/" {
		u.Path = "/v1/traces"
	}
	return u.String(), nil
}

// Tracer makes spans. Without a collector it makes none and costs nothing; nil is such a one.
type Tracer struct {
	tracer trace.Tracer // nil: off
	root   sdktrace.Sampler
}

// Tracing starts the export of spans to cfg's collector; shutdown sends what is still held back. instance is
// the label of this replica, and version that of the program: attributes of all its spans.
func Tracing(ctx context.Context, cfg TraceConfig, instance, version string) (t *Tracer, shutdown func(context.Context) error, err error) {
	if cfg.Endpoint == "" {
		return &Tracer{}, func(context.Context) error { return nil }, nil
	}
	if err := cfg.Validate(); err != nil {
		return nil, nil, fmt.Errorf("trace: %w", err)
	}
	traces, _ := cfg.traces()
	var exporter sdktrace.SpanExporter
	exporter, err = otlptracehttp.New(ctx, otlptracehttp.WithEndpointURL(traces), otlptracehttp.WithTimeout(5*time.Second))
	if err != nil {
		return nil, nil, fmt.Errorf("trace: %w", err)
	}
	if cfg.Log != nil {
		exporter = &reported{SpanExporter: exporter, log: cfg.Log}
	}
	// Whether to sample is decided once, with the trace context; every span that is made is kept.
	provider := sdktrace.NewTracerProvider(
		sdktrace.WithBatcher(exporter, sdktrace.WithMaxQueueSize(4096)),
		sdktrace.WithResource(resource.NewSchemaless(
			attribute.String("service.name", "puente"), attribute.String("service.version", version), attribute.String("service.instance.id", instance),
		)),
		sdktrace.WithIDGenerator(given{}),
	)
	return &Tracer{tracer: provider.Tracer("puente"), root: sdktrace.TraceIDRatioBased(cfg.Ratio)}, provider.Shutdown, nil
}

// Root decides whether a trace that begins here is sampled.
func (t *Tracer) Root(tr Trace) Trace {
	if t != nil && t.tracer != nil {
		tr.Sampled = t.root.ShouldSample(sdktrace.SamplingParameters{TraceID: tr.ID}).Decision == sdktrace.RecordAndSample
	}
	return tr
}

// reported says once that the collector fails, and once that it is back.
type reported struct {
	sdktrace.SpanExporter
	log     *slog.Logger
	failing bool // exports do not overlap (SpanExporter)
}

// ExportSpans implements sdktrace.SpanExporter. Spans that did not arrive are lost.
func (r *reported) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	err := r.SpanExporter.ExportSpans(ctx, spans)
	switch {
	case err != nil && !r.failing:
		r.log.WarnContext(ctx, "trace export failed", "spans", len(spans), "error", err)
	case err == nil && r.failing:
		r.log.InfoContext(ctx, "trace export works again")
	}
	r.failing = err != nil
	return nil
}

type spanKey struct{}

// Start begins the span that TraceOf(ctx) names. parent is the position the span hangs below; its zero
// value makes it a root.
func (t *Tracer) Start(ctx context.Context, name string, kind trace.SpanKind, parent Trace) Span {
	own := TraceOf(ctx)
	if t == nil || t.tracer == nil || !own.Sampled {
		return Span{}
	}
	carried := context.WithValue(context.Background(), spanKey{}, own)
	if !parent.IsZero() {
		carried = trace.ContextWithRemoteSpanContext(carried, trace.NewSpanContext(trace.SpanContextConfig{
			TraceID: parent.ID, SpanID: parent.Span, TraceFlags: trace.FlagsSampled, Remote: true,
		}))
	}
	_, span := t.tracer.Start(carried, name, trace.WithSpanKind(kind))
	if id := Correlation(ctx); id != "" {
		span.SetAttributes(attribute.String("correlation_id", id))
	}
	return Span{span}
}

// Span is a span under way. The zero Span is none: its methods do nothing, and its arguments may be spared
// by asking Recording. Names and values of attributes and events are the contracts', the configuration's or
// ours, never what a caller or a system sent, but for the correlation ID, which is no personal datum and which logs
// show as well: a collector masks nothing.
type Span struct{ span trace.Span }

// Recording reports whether s is one.
func (s Span) Recording() bool { return s.span != nil }

// Set adds attributes.
func (s Span) Set(attributes ...attribute.KeyValue) {
	if s.span != nil {
		s.span.SetAttributes(attributes...)
	}
}

// Event notes that something happened, now.
func (s Span) Event(name string, attributes ...attribute.KeyValue) {
	if s.span != nil {
		s.span.AddEvent(name, trace.WithAttributes(attributes...))
	}
}

// End ends s, with err as its status; its text is for the log, which masks.
func (s Span) End(err error) {
	if s.span == nil {
		return
	}
	if err != nil {
		s.span.SetStatus(codes.Error, "")
	}
	s.span.End()
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
