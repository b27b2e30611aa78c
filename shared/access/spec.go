package access

import (
	"cmp"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"puente/shared/admin"
	"puente/shared/problem"
)

// TierSpec is a tier as operators write it. The id is its name.
type TierSpec struct {
	Limits []LimitSpec `json:"limits"`
}

// LimitSpec is a limit: {requests: 1000, window: 1m}.
type LimitSpec struct {
	Requests int            `json:"requests"`
	Window   admin.Duration `json:"window"`
}

// SystemSpec is a system. The id is its canonical name.
type SystemSpec struct {
	Status   Status       `json:"status"`            // left out: active
	APIs     []string     `json:"apis,omitzero"`     // left out: all
	Channels []string     `json:"channels,omitzero"` // left out: all
	Channel  string       `json:"channel,omitzero"`  // where a request names none
	Access   []AccessSpec `json:"access,omitzero"`   // APIs that only some of the channels may use
	Limits   []LimitSpec  `json:"limits,omitzero"`   // left out: none of its own
}

// AccessSpec narrows the channels by which a system uses an API: {api: reconexion, channels: [web]}.
type AccessSpec struct {
	API      string   `json:"api"`
	Channels []string `json:"channels"`
}

// ClientSpec is a client application with its systems and contracts. The id is its client_id.
type ClientSpec struct {
	Name      string         `json:"name"`
	Status    Status         `json:"status"` // left out: active
	Systems   []string       `json:"systems,omitzero"`
	Addresses []netip.Prefix `json:"addresses,omitzero"` // left out: any
	Contracts []ContractSpec `json:"contracts,omitzero"`
}

// ContractSpec is a client's contract for an API.
type ContractSpec struct {
	API    string         `json:"api"`
	Tier   string         `json:"tier"`
	Status ContractStatus `json:"status"` // left out: approved
}

// SwitchSpec is a switch. Left out or "*", a member of the subject stands for any; api must be
// given, so that nobody turns off everything by forgetting it.
type SwitchSpec struct {
	API        string         `json:"api"`
	Operation  string         `json:"operation,omitzero"`
	System     string         `json:"system,omitzero"`
	Channel    string         `json:"channel,omitzero"`
	Partner    string         `json:"partner,omitzero"`
	Off        bool           `json:"off"`
	Reason     string         `json:"reason,omitzero"`
	RetryAfter admin.Duration `json:"retryAfter,omitzero"`
	From       *time.Time     `json:"from,omitzero"`
	Until      *time.Time     `json:"until,omitzero"`
}

const (
	anything  = "*"
	maxLimits = 8
	maxWindow = 31 * 24 * time.Hour
	maxReason = 500 // bytes
)

var (
	apiName    = regexp.MustCompile(`^[a-z][a-z0-9-]{0,49}$`)
	systemName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9 ._-]{0,49}$`) // as the table has it
)

// rules collects what a spec breaks.
type rules []problem.Field

func (r *rules) must(holds bool, path, rule string) {
	if !holds {
		*r = append(*r, problem.Field{Path: path, Rule: rule})
	}
}

func (r rules) err() error {
	if len(r) == 0 {
		return nil
	}
	return &problem.Error{Kind: problem.Invalid, Fields: r}
}

func (r *rules) status(s Status) {
	r.must(s == Active || s == Suspended, "status", "must be active or suspended")
}

func (r *rules) limits(all []LimitSpec) {
	r.must(len(all) <= maxLimits, "limits", "must be "+strconv.Itoa(maxLimits)+" at most")
	for i, l := range all {
		at := fmt.Sprintf("limits[%d]", i)
		r.must(l.Requests > 0, at+".requests", "must be positive")
		r.must(l.Window >= admin.Duration(time.Second) && l.Window <= admin.Duration(maxWindow), at+".window", "must be from 1s to 744h")
		r.must(i == 0 || all[i-1].Window != l.Window, at+".window", "has a limit already")
	}
}

// names checks a list of names that, where it is given, must not be empty.
func (r *rules) names(path string, all []string, form *regexp.Regexp) {
	r.must(all == nil || len(all) > 0, path, "must not be empty: leave it out for all")
	for i, name := range all {
		r.must(form.MatchString(name), fmt.Sprintf("%s[%d]", path, i), "must match "+form.String())
		r.must(i == 0 || !strings.EqualFold(all[i-1], name), fmt.Sprintf("%s[%d]", path, i), "is given twice")
	}
}

func byWindow(a, b LimitSpec) int { return cmp.Compare(a.Window, b.Window) }

func byFold(a, b string) int { return strings.Compare(strings.ToLower(a), strings.ToLower(b)) }

// Normalize puts the limits in order.
func (s *TierSpec) Normalize() { slices.SortFunc(s.Limits, byWindow) }

// Validate wants at least one limit.
func (s *TierSpec) Validate() error {
	var r rules
	r.must(len(s.Limits) > 0, "limits", "must not be empty")
	r.limits(s.Limits)
	return r.err()
}

// Normalize fills in the state where it was left out and puts lists in order.
func (s *SystemSpec) Normalize() {
	s.Status = cmp.Or(s.Status, Active)
	slices.Sort(s.APIs)
	slices.SortFunc(s.Channels, byFold)
	slices.SortFunc(s.Access, func(a, b AccessSpec) int { return strings.Compare(a.API, b.API) })
	for i := range s.Access {
		slices.SortFunc(s.Access[i].Channels, byFold)
	}
	if len(s.Access) == 0 {
		s.Access = nil
	}
	slices.SortFunc(s.Limits, byWindow)
	if len(s.Limits) == 0 {
		s.Limits = nil
	}
}

// Validate checks names and limits, and that the default channel is an allowed one.
func (s *SystemSpec) Validate() error {
	var r rules
	r.status(s.Status)
	r.names("apis", s.APIs, apiName)
	r.names("channels", s.Channels, systemName)
	r.must(s.Channel == "" || systemName.MatchString(s.Channel), "channel", "must match "+systemName.String())
	for i, a := range s.Access {
		at := fmt.Sprintf("access[%d]", i)
		r.must(apiName.MatchString(a.API), at+".api", "must match "+apiName.String())
		r.must(i == 0 || s.Access[i-1].API != a.API, at+".api", "is given twice")
		r.must(s.APIs == nil || slices.Contains(s.APIs, a.API), at+".api", "must be one of apis")
		r.must(len(a.Channels) > 0, at+".channels", "must not be empty")
		r.names(at+".channels", a.Channels, systemName)
		for j, c := range a.Channels {
			r.must((&System{Channels: s.Channels}).Through(c), fmt.Sprintf("%s.channels[%d]", at, j), "must be one of channels")
		}
	}
	r.must(s.Channel == "" || (&System{Channels: s.Channels}).Through(s.Channel), "channel", "must be one of channels")
	r.limits(s.Limits)
	return r.err()
}

// Normalize fills in the states that were left out and puts lists in order.
func (s *ClientSpec) Normalize() {
	s.Status = cmp.Or(s.Status, Active)
	slices.SortFunc(s.Systems, byFold)
	slices.SortFunc(s.Addresses, netip.Prefix.Compare)
	slices.SortFunc(s.Contracts, func(a, b ContractSpec) int { return strings.Compare(a.API, b.API) })
	for i := range s.Contracts {
		s.Contracts[i].Status = cmp.Or(s.Contracts[i].Status, Approved)
	}
	if len(s.Systems) == 0 {
		s.Systems = nil
	}
	if len(s.Addresses) == 0 {
		s.Addresses = nil
	}
	if len(s.Contracts) == 0 {
		s.Contracts = nil
	}
}

// Validate checks states, names and addresses.
func (s *ClientSpec) Validate() error {
	var r rules
	r.must(s.Name != "", "name", "is required")
	r.status(s.Status)
	r.names("systems", s.Systems, systemName)
	for i, p := range s.Addresses {
		at := fmt.Sprintf("addresses[%d]", i)
		r.must(p.IsValid() && p == p.Masked() && !p.Addr().Is4In6(), at, "must be a network such as 10.0.0.0/8")
		r.must(i == 0 || s.Addresses[i-1] != p, at, "is given twice")
	}
	for i, k := range s.Contracts {
		at := fmt.Sprintf("contracts[%d]", i)
		r.must(apiName.MatchString(k.API), at+".api", "must match "+apiName.String())
		r.must(i == 0 || s.Contracts[i-1].API != k.API, at+".api", "has a contract already")
		r.must(k.Tier != "", at+".tier", "is required")
		r.must(k.Status == Approved || k.Status == Pending || k.Status == Revoked, at+".status", "must be approved, pending or revoked")
	}
	return r.err()
}

// API is the kind of the entities that specs name as APIs; the server knows them.
const API = "API"

// References names the APIs of the system.
func (s *SystemSpec) References() []admin.Reference {
	var all []admin.Reference
	for i, name := range s.APIs {
		all = append(all, admin.Reference{Kind: API, ID: name, Path: fmt.Sprintf("apis[%d]", i)})
	}
	for i, a := range s.Access {
		all = append(all, admin.Reference{Kind: API, ID: a.API, Path: fmt.Sprintf("access[%d].api", i)})
	}
	return all
}

// References names the API that is switched.
func (s *SwitchSpec) References() []admin.Reference {
	if s.API == anything {
		return nil
	}
	return []admin.Reference{{Kind: API, ID: s.API, Path: "api"}}
}

// References names the client's systems, APIs and tiers.
func (s *ClientSpec) References() []admin.Reference {
	var all []admin.Reference
	for i, name := range s.Systems {
		all = append(all, admin.Reference{Kind: "System", ID: name, Path: fmt.Sprintf("systems[%d]", i)})
	}
	for i, k := range s.Contracts {
		all = append(all, admin.Reference{Kind: API, ID: k.API, Path: fmt.Sprintf("contracts[%d].api", i)},
			admin.Reference{Kind: "Tier", ID: k.Tier, Path: fmt.Sprintf("contracts[%d].tier", i)})
	}
	return all
}

// Normalize writes any the one way, "*" for the API and nothing for the rest, and times in UTC as
// exactly as the database keeps them.
func (s *SwitchSpec) Normalize() {
	for _, m := range []*string{&s.Operation, &s.System, &s.Channel, &s.Partner} {
		if *m == anything {
			*m = ""
		}
	}
	for _, t := range []*time.Time{s.From, s.Until} {
		if t != nil {
			*t = t.UTC().Truncate(time.Microsecond)
		}
	}
	s.RetryAfter = admin.Duration(time.Duration(s.RetryAfter).Truncate(time.Millisecond))
}

// Validate checks the subject and the calendar.
func (s *SwitchSpec) Validate() error {
	var r rules
	r.must(s.API == anything || apiName.MatchString(s.API), "api", "must be * or match "+apiName.String())
	r.must(s.System == "" || systemName.MatchString(s.System), "system", "must match "+systemName.String())
	r.must(s.Channel == "" || systemName.MatchString(s.Channel), "channel", "must match "+systemName.String())
	r.must(!strings.Contains(s.Operation, anything), "operation", "must be * or a whole operationId")
	r.must(!strings.Contains(s.Partner, anything), "partner", "must be * or a whole partner id")
	r.must(!s.Off || strings.TrimSpace(s.Reason) != "", "reason", "is required to turn something off")
	r.must(len(s.Reason) <= maxReason, "reason", "must have 500 bytes at most")
	r.must(s.RetryAfter >= 0 && s.RetryAfter <= admin.Duration(maxWindow), "retryAfter", "must be from 0s to 744h")
	r.must(s.From == nil || s.Until == nil || s.From.Before(*s.Until), "until", "must be after from")
	return r.err()
}
