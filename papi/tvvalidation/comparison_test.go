package tvvalidation

import (
	"context"
	"reflect"
	"slices"
	"testing"
	"time"

	"puente/contracts/papi/tvvalidation"
	"puente/contracts/sapi/inventory"
	"puente/contracts/sapi/tvplatforms"
	"puente/shared/database/databasetest"
	"puente/shared/problem"
)

func TestDecode(t *testing.T) {
	r := rules{Decodes: map[string]string{"A": "1", "B": "2"}, Filters: filters{MSS: []string{"F"}}}
	for _, c := range []struct {
		codes, want []string
	}{
		{nil, []string{}}, {[]string{"F"}, []string{}}, {[]string{"B", "A"}, []string{"1", "2"}}, {[]string{"A", "F", "A"}, []string{"1"}},
		{[]string{"A", "C"}, nil}, {[]string{"a"}, nil},
	} {
		if got, err := r.decode(c.codes); !reflect.DeepEqual(got, c.want) || (err != nil) != (c.want == nil) {
			t.Errorf("%q: %q %v, want %q", c.codes, got, err, c.want)
		}
	}
}

func TestCompare(t *testing.T) {
	for name, c := range map[string]struct {
		aspect         int
		expected, held []string
		found          []string
		want           tvvalidation.Semaphore
	}{
		"both empty":         {channels, []string{}, nil, []string{}, tvvalidation.Green},
		"only filtered":      {channels, []string{}, []string{"H"}, []string{}, tvvalidation.Green},
		"order and twice":    {services, []string{"1", "2"}, []string{"2", "1", "2"}, []string{"1", "2"}, tvvalidation.Green},
		"missing":            {channels, []string{"1", "2"}, []string{"1"}, []string{"1"}, tvvalidation.Red},
		"surplus":            {channels, []string{"1"}, []string{"2", "1"}, []string{"1", "2"}, tvvalidation.Red},
		"nothing there":      {devices, []string{"AB"}, nil, []string{}, tvvalidation.Red},
		"case of codes":      {services, []string{"a"}, []string{"A"}, []string{"A"}, tvvalidation.Red},
		"notations":          {devices, []string{"001A2B3C4D5E"}, []string{"00:1a:2b:3c:4d:5e", "00-1A-2B-3C-4D-5E", "001a.2b3c.4d5e", "00 1A 2B 3C 4D 5E"}, []string{"001A2B3C4D5E"}, tvvalidation.Green},
		"state":              {subscriber, []string{"1"}, []string{"1"}, []string{"1"}, tvvalidation.Green},
		"other state":        {subscriber, []string{"1"}, []string{"2"}, []string{"2"}, tvvalidation.Red},
		"unknown subscriber": {subscriber, []string{"1"}, nil, []string{}, tvvalidation.Red},
	} {
		e := expectation{}
		e.items[c.aspect], e.hidden[c.aspect] = c.expected, []string{"H"}
		held := slices.Clone(c.held)
		got := e.compare(c.aspect, time.Unix(1, 0), c.held, nil)
		if got.Semaphore != c.want || !reflect.DeepEqual(got.Found, c.found) || !reflect.DeepEqual(got.Expected, c.expected) || !slices.Equal(c.held, held) {
			t.Errorf("%s: %+v", name, got)
		}
		if got := e.compare(c.aspect, time.Unix(1, 0), nil, problem.Timeout); got.Semaphore != tvvalidation.Yellow || got.Found == nil || len(got.Found) > 0 {
			t.Errorf("%s, not asked: %+v", name, got)
		}
	}
}

// Every branch of the document, and which of several it is.
func TestRefusals(t *testing.T) {
	db, ring := databasetest.New(t, API.Migrations...), testRing(t)
	broken := func(kind kind, row *table) func(*world, *process) {
		return func(_ *world, p *process) {
			key := tableKey{tvvalidation.TechnologyFTTH, kind}
			if delete(p.tables.(*tables).rows, key); row != nil {
				p.tables.(*tables).rows[key] = *row
			}
		}
	}
	do := func(operation string, what deed) func(*world, *process) {
		return func(w *world, _ *process) { w.does[operation] = what }
	}
	set := func(change func(*line)) func(*world, *process) {
		return func(w *world, _ *process) {
			l := w.lines[phone]
			change(&l)
			w.lines[phone] = l
		}
	}
	lasting := map[string]bool{"no service": true, "withdrawn": true, "no account": true, "no television": true, "no access": true}
	unread, contradicts := &table{unread: errUnread}, &table{broken: []problem.Field{{Path: "decodes.A", Rule: "decodes to what another one does"}}}
	for name, c := range map[string]struct {
		with []func(*world, *process)
		want string
	}{
		"no service":                 {[]func(*world, *process){func(w *world, _ *process) { delete(w.lines, phone) }}, "ERROR_06"},
		"withdrawn":                  {[]func(*world, *process){set(func(l *line) { l.State = inventory.StateWithdrawn })}, "ERROR_06"},
		"account query failed":       {[]func(*world, *process){do("service", fails)}, "ERROR_07"},
		"no account":                 {[]func(*world, *process){set(func(l *line) { l.Account = "" })}, "ERROR_07"},
		"no television":              {[]func(*world, *process){set(func(l *line) { l.Technology = inventory.TechnologyCOBRE })}, "ERROR_20"},
		"subscriber refused":         {[]func(*world, *process){do("subscriber", refuses)}, "ERROR_08"},
		"subscriber failed":          {[]func(*world, *process){do("subscriber", fails)}, "ERROR_09"},
		"subscriber without a state": {[]func(*world, *process){set(func(l *line) { l.state = "" })}, "ERROR_09"},
		"subscriber panicked":        {[]func(*world, *process){do("subscriber", panics)}, "ERROR_09"},
		"no channel table":           {[]func(*world, *process){broken(kindChannels, nil)}, "ERROR_11"},
		"channel table contradicts":  {[]func(*world, *process){broken(kindChannels, contradicts)}, "ERROR_11"},
		"unknown channel":            {[]func(*world, *process){set(func(l *line) { l.channels = []string{"CAN-NEW"} })}, "ERROR_11"},
		"channel table unread":       {[]func(*world, *process){broken(kindChannels, unread)}, "ERROR_12"},
		"no table loaded":            {[]func(*world, *process){func(_ *world, p *process) { p.tables = &tables{} }}, "ERROR_12"},
		"channels failed":            {[]func(*world, *process){do("channels", refuses)}, "ERROR_13"},
		"no service table":           {[]func(*world, *process){broken(kindServices, nil)}, "ERROR_15"},
		"service table contradicts":  {[]func(*world, *process){broken(kindServices, contradicts)}, "ERROR_15"},
		"unknown service":            {[]func(*world, *process){set(func(l *line) { l.services = []string{"SRV-NEW"} })}, "ERROR_15"},
		"service table unread":       {[]func(*world, *process){broken(kindServices, unread)}, "ERROR_16"},
		"services failed":            {[]func(*world, *process){do("services", panics)}, "ERROR_17"},
		"devices failed":             {[]func(*world, *process){do("devices", fails)}, "ERROR_18"},
		"all platforms failed":       {[]func(*world, *process){do("CHANNELS", fails), do("SERVICES", refuses), do("DEVICES", panics), do("SUBSCRIBERS", fails)}, "ERROR_19"},
		"no access":                  {[]func(*world, *process){do("access", refuses)}, "ERROR_20"},
		"access failed":              {[]func(*world, *process){do("access", fails)}, "ERROR_20"},

		"08 before 11": {[]func(*world, *process){do("subscriber", refuses), broken(kindChannels, nil)}, "ERROR_08"},
		"12 before 13": {[]func(*world, *process){do("channels", fails), broken(kindChannels, unread)}, "ERROR_12"},
		"13 before 15": {[]func(*world, *process){do("channels", fails), broken(kindServices, nil)}, "ERROR_13"},
		"15 before 17": {[]func(*world, *process){do("services", fails), broken(kindServices, nil)}, "ERROR_15"},
		"17 before 18": {[]func(*world, *process){do("services", fails), do("devices", fails), do("access", fails)}, "ERROR_17"},
		"18 before 20": {[]func(*world, *process){do("devices", fails), do("access", fails)}, "ERROR_18"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.sample()
			p := w.process(t, db, ring)
			for _, with := range c.with {
				with(w, p)
			}
			_, err := p.Validate(within(t, time.Minute), tvvalidation.Request{Connection: phone})
			kind := problem.Unavailable // for now
			if lasting[name] {
				kind = problem.Rejected
			}
			if e := problem.Of(err); code(err) != c.want || e.Kind != kind {
				t.Errorf("%v, want %s %s", err, kind, c.want)
			}
			asked := w.called("CHANNELS") > 0
			if asked != (c.want == "ERROR_19") {
				t.Errorf("platforms were asked: %v", asked)
			}
		})
	}
}

// A platform without access is as bad as none.
func TestAccessLacksAPlatform(t *testing.T) {
	w := newWorld(t)
	w.sample()
	p := start(t, w)
	for _, lacks := range platforms {
		p.platforms = without{p.inventory.(systems), lacks}
		if _, err := p.Validate(t.Context(), tvvalidation.Request{Connection: phone}); code(err) != "ERROR_20" {
			t.Errorf("%s: %v", lacks, err)
		}
	}
}

type without struct {
	systems
	lacks tvplatforms.Platform
}

func (s without) Access(context.Context, tvplatforms.AccessQuery) (tvplatforms.Access, error) {
	return tvplatforms.Access{Platforms: slices.DeleteFunc(slices.Clone(platforms[:]), func(p tvplatforms.Platform) bool { return p == s.lacks })}, nil
}
