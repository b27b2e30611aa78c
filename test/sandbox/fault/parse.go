package fault

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"puente/shared/problem"
)

// Parse reads a fault from JSON and validates it. The error is a problem.Invalid whose fields name
// every member that is wrong.
func Parse(body []byte) (Fault, error) {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(body, &members); err != nil {
		return Fault{}, invalid(problem.Field{Path: "body", Rule: "must be a JSON object"})
	}
	var f Fault
	targets := map[string]any{
		"system": &f.System, "operation": &f.Operation, "fault": &f.Kind,
		"delay": (*span)(&f.Delay), "status": &f.Status, "body": &f.Body, "headers": &f.Headers,
		"period": (*span)(&f.Period), "fail": &f.Fail, "of": &f.Of, "times": &f.Times,
		"probability": &f.Probability, "commit": &f.Commit,
	}
	var broken []problem.Field
	for _, name := range slices.Sorted(maps.Keys(members)) {
		target, known := targets[name]
		if !known {
			broken = append(broken, problem.Field{Path: name, Rule: "is not a member of a fault; known are " + list(targets)})
			continue
		}
		if err := json.Unmarshal(members[name], target); err != nil {
			broken = append(broken, problem.Field{Path: name, Rule: shapes[name]})
		}
	}
	if p, given := members["probability"]; given && f.Probability == 0 && len(broken) == 0 {
		broken = append(broken, problem.Field{Path: "probability", Rule: fmt.Sprintf("must be above 0 and at most 1, not %s", p)})
	}
	if len(broken) > 0 {
		return Fault{}, invalid(broken...)
	}
	return f, f.Validate()
}

// shapes says, for each member, what its JSON must look like.
var shapes = map[string]string{
	"system": "must be a string", "operation": "must be a string", "fault": "must be a string",
	"delay": `must be a duration such as "2s"`, "period": `must be a duration such as "5s"`,
	"status": "must be a whole number", "fail": "must be a whole number", "of": "must be a whole number",
	"times": "must be a whole number", "body": "must be a string",
	"headers":     `must be an object of strings, such as {"Retry-After":"1"}`,
	"probability": "must be a number", "commit": "must be true or false",
}

// span is a duration that JSON writes as "2s".
type span time.Duration

func (s *span) UnmarshalText(text []byte) error {
	d, err := time.ParseDuration(string(text))
	*s = span(d)
	return err
}

// Validate checks f but for the names of system and operation, which only the host knows. The error
// is a problem.Invalid.
func (f Fault) Validate() error {
	of, known := kinds[f.Kind]
	if !known {
		return invalid(problem.Field{Path: "fault", Rule: "must be one of " + list(kinds)})
	}
	var broken []problem.Field
	require := func(holds bool, path, rule string) {
		if !holds {
			broken = append(broken, problem.Field{Path: path, Rule: rule})
		}
	}
	for _, m := range []struct {
		name  string
		given bool
	}{
		{"status", f.Status != 0}, {"body", f.Body != ""}, {"headers", len(f.Headers) > 0}, {"period", f.Period != 0},
		{"fail", f.Fail != 0}, {"of", f.Of != 0}, {"commit", f.Commit != nil},
	} {
		require(!m.given || slices.Contains(of.members, m.name), m.name, "is not heeded by fault "+string(f.Kind))
	}
	switch f.Kind {
	case Delay, LateCommit:
		require(f.Delay > 0, "delay", "is required and must be above 0s")
	case Status:
		require(f.Status != 0, "status", "is required")
	}
	require(f.Delay >= 0, "delay", "must not be negative")
	require(f.Period >= 0, "period", "must not be negative")
	require(f.Status == 0 || f.Status >= 200 && f.Status <= 599, "status", "must be from 200 to 599")
	require(f.Times >= 0, "times", "must not be negative")
	require(f.Probability >= 0 && f.Probability <= 1, "probability", "must be above 0 and at most 1")
	if f.Fail != 0 || f.Of != 0 {
		require(f.Period == 0, "period", "does not go with fail and of")
		require(f.Fail > 0 && f.Fail <= f.Of, "fail", "must be at least 1 and at most of")
	}
	if len(broken) > 0 {
		return invalid(broken...)
	}
	return nil
}

func invalid(fields ...problem.Field) error {
	return &problem.Error{Kind: problem.Invalid, Code: "INVALID_FAULT", Detail: "the fault is not valid", Fields: fields}
}

func list[K ~string, V any](m map[K]V) string {
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, string(name))
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}
