package contract

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"puente/shared/problem"
)

// extensions are the x- members of one place of a document.
type extensions map[string]any

// The extensions that each kind of place may have.
var (
	documentExtensions  = []string{"x-audit", "x-errors", "x-idempotency", "x-max-body", "x-origin", "x-sla", "x-subjects"}
	infoExtensions      = []string{"x-category"}
	operationExtensions = append(slices.Clone(documentExtensions), "x-deprecation", "x-fold-names", "x-plain")
	schemaExtensions    = []string{"x-aliases", "x-audit-key", "x-digits", "x-envelope", "x-fault", "x-fold-names", "x-pii"}
)

// unknown are the members that are not in known: a misspelt x-pii must not pass as no x-pii.
func (e extensions) unknown(known []string) []string {
	var names []string
	for name := range e {
		if !slices.Contains(known, name) {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// word is the extension's value, which must be one of allowed; "" if it is absent.
func (e extensions) word(name string, allowed ...string) (string, error) {
	v, ok := e[name]
	if !ok {
		return "", nil
	}
	s, ok := v.(string)
	if !ok || !slices.Contains(allowed, s) {
		return "", fmt.Errorf("%s must be one of %v", name, allowed)
	}
	return s, nil
}

// flag is the extension's value; false if it is absent.
func (e extensions) flag(name string) (bool, error) {
	v, ok := e[name]
	if !ok {
		return false, nil
	}
	b, ok := v.(bool)
	if !ok {
		return false, fmt.Errorf("%s must be true or false", name)
	}
	return b, nil
}

// text is the extension's value; "" if it is absent.
func (e extensions) text(name string) (string, error) {
	v, ok := e[name]
	if !ok {
		return "", nil
	}
	s, ok := v.(string)
	if !ok {
		return "", fmt.Errorf("%s must be a string", name)
	}
	return s, nil
}

// errors is the value of x-errors; a code that is not explained has no meaning.
func (e extensions) errors() ([]problem.Entry, error) {
	v, ok := e["x-errors"]
	if !ok {
		return nil, nil
	}
	list, ok := v.([]any)
	if !ok {
		return nil, fmt.Errorf("x-errors must be a list of codes")
	}
	var all []problem.Entry
	for _, item := range list {
		entry, ok := problem.Entry{}, false
		switch item := item.(type) {
		case string:
			entry.Code, ok = item, item != ""
		case map[string]any:
			entry, ok = explained(item)
		}
		if !ok {
			return nil, fmt.Errorf("x-errors must be a list of codes, or of code, status, meaning, acts and retry")
		}
		all = append(all, entry)
	}
	return all, nil
}

// explained reads a code that its contract explains: all of it, and nothing else.
func explained(m map[string]any) (problem.Entry, bool) {
	text := func(name string) string {
		s, _ := m[name].(string)
		return s
	}
	status, _ := number(m["status"])
	e := problem.Entry{Code: text("code"), Status: int(status), Meaning: text("meaning"), Acts: text("acts"), Retry: text("retry"), Event: text("event")}
	members := 5
	if e.Event != "" {
		members++
	}
	fails := e.Status == 200 || e.Status >= 400 && e.Status < 600 // 200: told in an envelope
	return e, len(m) == members && e.Code != "" && e.Meaning != "" && fails &&
		slices.Contains([]string{"caller", "operator", "nobody"}, e.Acts) && slices.Contains([]string{"no", "later", "with a new correlation"}, e.Retry)
}

// size is the extension's value, a positive whole number of bytes; 0 if it is absent.
func (e extensions) size(name string) (int64, error) {
	v, ok := e[name]
	if !ok {
		return 0, nil
	}
	f, ok := number(v)
	if !ok || f < 1 || f != float64(int64(f)) {
		return 0, fmt.Errorf("%s must be a positive number of bytes", name)
	}
	return int64(f), nil
}

// sla is the value of x-sla over base, the levels above it.
func (e extensions) sla(base sla) (sla, error) {
	v, ok := e["x-sla"]
	if !ok {
		return base, nil
	}
	m, ok := v.(map[string]any)
	if !ok {
		return base, fmt.Errorf("x-sla must have the members deadline and availability")
	}
	for name, v := range m {
		switch name {
		case "deadline":
			s, _ := v.(string)
			d, err := time.ParseDuration(s)
			if err != nil || d <= 0 {
				return base, fmt.Errorf("x-sla.deadline must be a duration like 5s")
			}
			base.deadline = d
		case "availability":
			f, ok := number(v)
			if !ok || f <= 0 || f > 100 {
				return base, fmt.Errorf("x-sla.availability must be a percentage like 99.9")
			}
			base.availability = f
		default:
			return base, fmt.Errorf("x-sla.%s is not known", name)
		}
	}
	return base, nil
}

// sla is what a contract promises: the time an answer takes at most, and the share of good answers.
type sla struct {
	deadline     time.Duration
	availability float64 // percent
}

// number is a number of the document, whichever type its reader chose.
func number(v any) (float64, bool) {
	switch v := v.(type) {
	case float64:
		return v, true
	case int:
		return float64(v), true
	case int64:
		return float64(v), true
	case uint64:
		return float64(v), true
	}
	return 0, false
}

// deprecation is the value of x-deprecation; nil if it is absent.
func (e extensions) deprecation() (*Deprecation, error) {
	v, ok := e["x-deprecation"]
	if !ok {
		return nil, nil
	}
	m, _ := v.(map[string]any)
	since, _ := m["since"].(string)
	at, err := time.Parse(time.DateOnly, since)
	d := &Deprecation{Since: at}
	members := 1
	if successor, ok := m["successor"]; ok {
		d.Successor, _ = successor.(string)
		members++
	}
	if err != nil || len(m) != members || members == 2 && !strings.HasPrefix(d.Successor, "/") {
		return nil, fmt.Errorf("x-deprecation must be {since: '2025-08-04', successor: /path}; successor may be left out")
	}
	return d, nil
}

// subjects is the value of x-subjects; nil if it is absent.
func (e extensions) subjects() ([]SubjectLimit, error) {
	v, ok := e["x-subjects"]
	if !ok {
		return nil, nil
	}
	list, _ := v.([]any)
	var all []SubjectLimit
	for _, item := range list {
		m, _ := item.(map[string]any)
		var l SubjectLimit
		l.Name, _ = m["name"].(string)
		l.Member, _ = m["member"].(string)
		requests, _ := number(m["requests"])
		window, _ := m["window"].(string)
		l.Requests = int(requests)
		l.Window, _ = time.ParseDuration(window)
		members := 3
		if _, named := m["member"]; named {
			members++
		}
		if len(m) != members || l.Name == "" || members == 4 && l.Member == "" || l.Requests < 1 || float64(l.Requests) != requests || l.Window <= 0 {
			return nil, errSubjects
		}
		all = append(all, l)
	}
	if all == nil {
		return nil, errSubjects
	}
	return all, nil
}

var errSubjects = errors.New("x-subjects must be a list of {name: phone, member: Phone, requests: 60, window: 1m}; without member it is by address")
