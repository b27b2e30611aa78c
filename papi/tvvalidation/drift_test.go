package tvvalidation

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"puente/contracts/papi/tvvalidation"
	"puente/contracts/sapi/inventory"
	"puente/contracts/sapi/tvplatforms"
)

// drift is an account whose platforms have gone their own ways, and the tables by which it is judged.
type drift struct {
	line   line
	rules  map[kind]rules
	held   [aspects][]string
	equal  [aspects]bool // by rules of this file's own
	hidden [aspects][]string
}

var hexes = rapid.StringMatching(`[0-9A-F]{12}`)

// notation is a MAC address in one of the notations there are.
func notation(r *rapid.T, mac string) string {
	var pairs []string
	for i := 0; i < len(mac); i += 2 {
		pairs = append(pairs, mac[i:i+2])
	}
	text := rapid.SampledFrom([]string{mac, strings.Join(pairs, ":"), strings.Join(pairs, "-"), mac[:4] + "." + mac[4:8] + "." + mac[8:], strings.Join(pairs, " ")}).Draw(r, "notation")
	if rapid.Bool().Draw(r, "lower") {
		text = strings.ToLower(text)
	}
	return text
}

// some draws some of items, in any order, some twice.
func some(r *rapid.T, label string, items []string) []string {
	if len(items) == 0 {
		return nil
	}
	return rapid.SliceOfN(rapid.SampledFrom(items), 0, 2*len(items)).Draw(r, label)
}

func drawDrift(r *rapid.T) drift {
	d := drift{rules: map[kind]rules{}}
	for aspect, kind := range map[int]kind{channels: kindChannels, services: kindServices} {
		t := rules{Decodes: map[string]string{}}
		var targets, codes []string
		for i := range rapid.IntRange(0, 6).Draw(r, "codes") {
			code, target := fmt.Sprint("M", i), fmt.Sprint("P", i)
			t.Decodes[code] = target
			codes, targets = append(codes, code), append(targets, target)
		}
		t.Filters.MSS, t.Filters.Platform = some(r, "filtered", []string{"F1", "F2"}), some(r, "hidden", []string{"H1", "H2"})
		have := some(r, "inventory", append(codes, t.Filters.MSS...))
		var want []string
		for _, code := range have {
			if target, ok := t.Decodes[code]; ok {
				want = append(want, target)
			}
		}
		d.held[aspect] = some(r, "platform", append(append(targets, "X"), t.Filters.Platform...))
		if rapid.Bool().Draw(r, "in step") {
			d.held[aspect] = append(want, t.Filters.Platform...)
		}
		d.rules[kind], d.hidden[aspect] = t, t.Filters.Platform
		if aspect == channels {
			d.line.channels = have
		} else {
			d.line.services = have
		}
		d.equal[aspect] = same(want, visible(d.held[aspect], t.Filters.Platform))
	}
	macs := rapid.SliceOfNDistinct(hexes, 1, 4, rapid.ID[string]).Draw(r, "macs")
	inventory, platform := some(r, "boxes", macs), some(r, "boxes there", macs)
	if rapid.Bool().Draw(r, "in step") {
		platform = inventory
	}
	for _, mac := range inventory {
		d.line.decos = append(d.line.decos, notation(r, mac))
	}
	for _, mac := range platform {
		d.held[devices] = append(d.held[devices], notation(r, mac))
	}
	d.equal[devices] = same(inventory, platform)
	d.line.state = rapid.SampledFrom([]string{"1", "2"}).Draw(r, "state")
	d.held[subscriber] = rapid.SampledFrom([][]string{{"1"}, {"2"}, nil}).Draw(r, "state there")
	d.equal[subscriber] = same([]string{d.line.state}, d.held[subscriber])
	return d
}

func visible(items, hidden []string) (all []string) {
	for _, item := range items {
		if !slices.Contains(hidden, item) {
			all = append(all, item)
		}
	}
	return all
}

// same reports whether two lists hold the same, however often.
func same(a, b []string) bool {
	in := func(items []string) map[string]bool {
		all := map[string]bool{}
		for _, item := range items {
			all[item] = true
		}
		return all
	}
	return maps.Equal(in(a), in(b))
}

// A thousand accounts: a check is GREEN exactly where the platform has what the inventory says, what is
// planned makes it so, and then nothing is planned any more.
func TestDriftRules(t *testing.T) {
	rapid.Check(t, func(r *rapid.T) {
		for range 10 {
			d := drawDrift(r)
			p := &process{tables: d.tables()}
			want, err := p.expect(view{
				account: "A", technology: tvvalidation.TechnologyHFC, subscriber: d.line.state, channels: d.line.channels, services: d.line.services, devices: d.line.decos,
			}, nil)
			if err != nil {
				r.Fatal(err)
			}
			for aspect := range d.held {
				before := want.compare(aspect, time.Unix(1, 0), d.held[aspect], nil)
				if (before.Semaphore == tvvalidation.Green) != d.equal[aspect] || (before.Semaphore == tvvalidation.Red) == d.equal[aspect] {
					r.Fatalf("%s: %+v of %q", aspectNames[aspect], before, d.held[aspect])
				}
				if (len(before.actions(aspect)) == 0) != d.equal[aspect] {
					r.Fatalf("%s: actions %v of %+v", aspectNames[aspect], before.actions(aspect), before)
				}
				change := want.change(aspect, &before)
				held := append(less(d.held[aspect], change.Remove), change.Add...)
				after := want.compare(aspect, time.Unix(2, 0), held, nil)
				if after.Semaphore != tvvalidation.Green || len(after.actions(aspect)) > 0 {
					r.Fatalf("%s: %+v after %+v", aspectNames[aspect], after, change)
				}
				for _, a := range before.actions(aspect) {
					if seen(a, after) != tvvalidation.ActionDone || seen(a, before) != tvvalidation.ActionFailed {
						r.Fatalf("%s: %+v is %s, was %s", aspectNames[aspect], a, seen(a, after), seen(a, before))
					}
				}
				if hidden := visible(d.held[aspect], less(d.held[aspect], d.hidden[aspect])); !slices.Equal(hidden, visible(held, less(held, d.hidden[aspect]))) {
					r.Fatalf("%s: what is left out changed: %q to %q", aspectNames[aspect], d.held[aspect], held)
				}
			}
		}
	})
}

func (d *drift) tables() *tables {
	t := &tables{version: 1, rows: map[tableKey]table{}}
	for kind, rules := range d.rules {
		t.rows[tableKey{tvvalidation.TechnologyHFC, kind}] = table{rules: rules, broken: rules.broken()}
	}
	return t
}

// The same through the process: what is GREEN is never told anything, and a repetition changes nothing.
func TestDriftIsNormalized(t *testing.T) {
	first := newWorld(t)
	p := start(t, first)
	n := 0
	rapid.Check(t, func(r *rapid.T) {
		n++
		w := newWorld(t)
		d := drawDrift(r)
		account, phone := fmt.Sprint("CS-", n), fmt.Sprint("60124", 10000+n)
		d.line.Service = inventory.Service{Connection: phone, Account: account, Technology: inventory.TechnologyHFC, State: inventory.StateActive}
		w.lines[phone] = d.line
		for aspect, held := range d.held {
			w.held[string(platforms[aspect])+" "+account] = slices.Clone(held)
		}
		s := systems{w, make(chan struct{})}
		p.inventory, p.platforms, p.tables = s, s, d.tables()
		v, err := p.Validate(t.Context(), tvvalidation.Request{Connection: phone})
		if err != nil {
			r.Fatal(err)
		}
		want := ""
		var red []tvplatforms.Platform
		for aspect, equal := range d.equal {
			if want += map[bool]string{true: "G", false: "R"}[equal]; !equal {
				red = append(red, platforms[aspect])
			}
		}
		if verified(v) != want {
			r.Fatalf("%s, want %s", verified(v), want)
		}
		for i := range 2 {
			out, err := p.Normalize(t.Context(), tvvalidation.NormalizationRequest{Key: fmt.Sprint(n, "-", i), Connection: phone})
			if err != nil || after(out) != "GGGG" || i == 0 && before(out) != want || i == 1 && (before(out) != "GGGG" || did(out) != "") {
				r.Fatalf("%d: %s to %s, %v", i, before(out), after(out), err)
			}
		}
		if told := len(w.changes); told != len(red) || slices.ContainsFunc(w.changes, func(c tvplatforms.Change) bool { return !slices.Contains(red, c.Platform) }) {
			r.Fatalf("red %v, changes %+v", red, w.changes)
		}
		for aspect, equal := range d.equal {
			if now := w.held[string(platforms[aspect])+" "+account]; equal && !slices.Equal(now, d.held[aspect]) {
				r.Fatalf("%s: %q became %q", aspectNames[aspect], d.held[aspect], now)
			}
		}
	})
}
