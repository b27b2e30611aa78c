package tvvalidation

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"puente/contracts/papi/tvvalidation"
	"puente/shared/problem"
)

// kind is one of the two tables that a technology has.
type kind string

const (
	kindChannels kind = "CHANNELS"
	kindServices kind = "SERVICES"
)

// TVTable is a table as operators write it. Its id, such as FTTH:channels, names what the spec leaves out.
type TVTable struct {
	Technology tvvalidation.Technology `json:"technology"`
	Kind       kind                    `json:"kind"`
	rules

	// Unreadable says that the database holds something else than rules. It is never applied.
	Unreadable bool `json:"unreadable,omitzero"`
}

// rules say how the inventory's codes are held against a platform's.
type rules struct {
	Decodes map[string]string `json:"decodes"` // the inventory's code to the platform's
	Filters filters           `json:"filters"`
}

// filters are the codes that are left out of the comparison.
type filters struct {
	MSS      []string `json:"mss"`      // the inventory's
	Platform []string `json:"platform"` // the platform's
}

// Identify reads the id into what the spec leaves out, and refuses one that says otherwise.
func (t *TVTable) Identify(id string) error {
	technology, lower, _ := strings.Cut(id, ":")
	of := kind(strings.ToUpper(lower))
	if !slices.Contains(technologies, tvvalidation.Technology(technology)) || lower != strings.ToLower(lower) || of != kindChannels && of != kindServices {
		return &problem.Error{Kind: problem.Invalid, Fields: []problem.Field{{Path: "id", Rule: "must be a technology and channels or services, such as FTTH:channels"}}}
	}
	var fields []problem.Field
	if t.Technology == "" {
		t.Technology = tvvalidation.Technology(technology)
	}
	if t.Kind == "" {
		t.Kind = of
	}
	if string(t.Technology) != technology {
		fields = append(fields, problem.Field{Path: "technology", Rule: "must be as the id says"})
	}
	if t.Kind != of {
		fields = append(fields, problem.Field{Path: "kind", Rule: "must be as the id says"})
	}
	if fields != nil {
		return &problem.Error{Kind: problem.Invalid, Fields: fields}
	}
	return nil
}

// id is the one that Identify reads.
func (t *TVTable) id() string { return string(t.Technology) + ":" + strings.ToLower(string(t.Kind)) }

// Normalize sorts the filters, each code once.
func (t *TVTable) Normalize() {
	if t.Decodes == nil {
		t.Decodes = map[string]string{}
	}
	t.Filters.MSS, t.Filters.Platform = set(t.Filters.MSS), set(t.Filters.Platform)
}

// Validate refuses rules that contradict each other.
func (t *TVTable) Validate() error {
	fields := t.broken()
	if t.Unreadable {
		fields = append(fields, problem.Field{Path: "unreadable", Rule: "must be left out"})
	}
	if fields != nil {
		return &problem.Error{Kind: problem.Invalid, Fields: fields}
	}
	return nil
}

const maxCode = 64 // bytes, the contracts'

// broken are the parts that contradict each other, or that no code can be.
func (r *rules) broken() (fields []problem.Field) {
	must := func(holds bool, path, rule string) {
		if !holds {
			fields = append(fields, problem.Field{Path: path, Rule: rule})
		}
	}
	const form = "must be 1 to 64 bytes of text that neither begins nor ends with a space"
	targets := make(map[string]bool, len(r.Decodes))
	for _, code := range slices.Sorted(maps.Keys(r.Decodes)) {
		target, path := r.Decodes[code], "decodes."+code
		must(codeLike(code), path, form)
		must(codeLike(target), path, "its value "+form)
		must(!targets[target], path, "decodes to what another one does")
		targets[target] = true
	}
	for i, code := range r.Filters.MSS {
		path := fmt.Sprintf("filters.mss[%d]", i)
		must(codeLike(code), path, form)
		_, decoded := r.Decodes[code]
		must(!decoded, path, "is decoded, too")
	}
	for i, code := range r.Filters.Platform {
		path := fmt.Sprintf("filters.platform[%d]", i)
		must(codeLike(code), path, form)
		must(!targets[code], path, "is what a code decodes to")
	}
	return fields
}

// codeLike reports whether text can be a code. A database cannot hold every character.
func codeLike(text string) bool {
	return text != "" && len(text) <= maxCode && utf8.ValidString(text) && strings.TrimSpace(text) == text &&
		!strings.ContainsFunc(text, unicode.IsControl)
}

// set is items sorted, each once. It is a list of its own, and never nil.
func set(items []string) []string {
	return slices.Compact(slices.AppendSeq(make([]string, 0, len(items)), slices.Values(slices.Sorted(slices.Values(items)))))
}
