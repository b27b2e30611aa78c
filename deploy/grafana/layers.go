package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/grafana/grafana-foundation-sdk/go/units"

	"puente/papi"
	"puente/sapi"
	"puente/shared/server"
	"puente/xapi"
)

// quantile is of the latency of requests to our APIs, by the labels given.
func quantile(q float64, by, labels string) string {
	return fmt.Sprintf(`histogram_quantile(%v, sum by (le, %s) (rate(http_server_request_duration_seconds_bucket{%s}[$__rate_interval])))`, q, by, labels)
}

// hosting keeps of a process's metric what the processes with a layer say.
func hosting(layer, metric string) string {
	return metric + ` and on (instance) http_server_request_duration_seconds_count{layer="` + layer + `"}`
}

// layers are a dashboard for each.
func layers() []board {
	var all []board
	for _, l := range []struct{ name, title, about string }{
		{"xapi", "experience APIs", "What channels, partners and browsers call, behind the policies."},
		{"papi", "process APIs", "What orchestrates and keeps state."},
		{"sapi", "system APIs", "One for each system behind."},
	} {
		labels := `layer="` + l.name + `"`
		b := board{uid: "puente-layer-" + l.name, title: "Puente: " + l.title, about: l.about, rows: []row{
			{"Requests", []panel{
				graph("Requests", units.RequestsPerSecond, "By API.", query{rate("sum by (api)", labels), "{{api}}"}),
				graph("Answers", units.RequestsPerSecond, "By whose doing they are: ok, client, quota, shed, server.", query{rate("sum by (outcome)", labels), "{{outcome}}"}),
				graph("Our failures", units.PercentUnit, "The share of answers that were shed or failed for our own reasons, by API.",
					query{rate("sum by (api)", labels+`, outcome=~"shed|server"`) + " / " + rate("sum by (api)", labels) + " or " + rate("sum by (api)", labels) + " * 0", "{{api}}"}),
			}},
			{"Latency", []panel{
				graph("50 %", units.Seconds, "By API.", query{quantile(0.5, "api", labels), "{{api}}"}),
				graph("95 %", units.Seconds, "By API.", query{quantile(0.95, "api", labels), "{{api}}"}),
				graph("99 %", units.Seconds, "By API. A point shows a trace.", query{quantile(0.99, "api", labels), "{{api}}"}),
			}},
			{"Processes that host it", []panel{
				graph("Requests in flight", "", "By class, of all layers of the process; what is over the places is shed.",
					query{`sum by (instance, class) (` + hosting(l.name, "shed_in_flight") + `)`, "{{instance}} {{class}}"},
					query{`min by (class) (` + hosting(l.name, "shed_places") + `)`, "places {{class}}"}),
				graph("CPU", "", "Cores in use.", query{hosting(l.name, "rate(process_cpu_seconds_total[$__rate_interval])"), "{{instance}}"}),
				graph("Memory", units.BytesIEC, "Resident.", query{hosting(l.name, "process_resident_memory_bytes"), "{{instance}}"}),
			}},
		}}
		all = append(all, b)
	}
	return all
}

// api is one API with its operations.
type api struct {
	layer, name string
	operations  []operation
}

type operation struct {
	id       string
	deadline time.Duration // of a public promise; zero: none
}

// hosted are the APIs of all layers.
func hosted() ([]api, error) {
	var all []api
	for _, l := range []server.Layer{xapi.Layer, papi.Layer, sapi.Layer} {
		for i := range l.APIs {
			declared := &l.APIs[i]
			doc, err := declared.Contract.Document()
			if err != nil {
				return nil, err
			}
			a := api{layer: l.Name, name: declared.Contract.Name}
			for _, op := range doc.Operations {
				o := operation{id: op.ID}
				if l.Name == "xapi" {
					o.deadline = op.Deadline
				}
				a.operations = append(a.operations, o)
			}
			all = append(all, a)
		}
	}
	return all, nil
}

// perAPI is a dashboard for each API.
func perAPI(apis []api) []board {
	var all []board
	for _, a := range apis {
		labels := fmt.Sprintf(`layer=%q, api=%q`, a.layer, a.name)
		rows := []row{
			{"Operations", []panel{
				graph("Requests", units.RequestsPerSecond, "By operation.", query{rate("sum by (operation)", labels), "{{operation}}"}),
				graph("Answers", units.RequestsPerSecond, "By status, and by whose doing they are.", query{rate("sum by (status, outcome)", labels), "{{status}} {{outcome}}"}),
				graph("Our failures", units.RequestsPerSecond, "Answers that were shed or failed for our own reasons.",
					query{rate("sum by (operation)", labels+`, outcome=~"shed|server"`) + " or " + rate("sum by (operation)", labels) + " * 0", "{{operation}}"}),
			}},
			{"Latency", []panel{
				graph("50 %", units.Seconds, "By operation.", query{quantile(0.5, "operation", labels), "{{operation}}"}),
				graph("95 %", units.Seconds, "By operation.", query{quantile(0.95, "operation", labels), "{{operation}}"}),
				graph("99 %", units.Seconds, "By operation. A point shows a trace.", query{quantile(0.99, "operation", labels), "{{operation}}"}),
			}},
		}
		if promises(a) {
			rows = append(rows, row{"What is promised: " + promised(a), []panel{
				graph("Budget left, 30 d", units.PercentUnit, "Of each operation.", query{fmt.Sprintf(`api_operation:slo_budget_left:ratio30d{api=%q}`, a.name), "{{operation}}"}),
				limited(graph("Burn rate, 1 h", "", "14.4 pages.", query{fmt.Sprintf(`api_operation:slo_errors:ratio_rate1h{api=%[1]q} / on (api, operation) api_operation:slo_budget:ratio{api=%[1]q}`, a.name), "{{operation}}"}), 14.4),
				graph("Bad answers", units.RequestsPerSecond, "Shed, failed or late.", query{fmt.Sprintf(`api_operation:slo_bad:rate5m{api=%q}`, a.name), "{{operation}}"}),
			}})
		}
		all = append(all, board{uid: "puente-api-" + a.layer + "-" + a.name, title: "Puente: " + a.layer + " " + a.name, about: "One API: " + a.layer + "/" + a.name + ".", rows: rows})
	}
	return all
}

func promises(a api) bool {
	for _, o := range a.operations {
		if o.deadline > 0 {
			return true
		}
	}
	return false
}

// promised tells the deadlines.
func promised(a api) string {
	by := map[time.Duration][]string{}
	var order []time.Duration
	for _, o := range a.operations {
		if by[o.deadline] == nil {
			order = append(order, o.deadline)
		}
		by[o.deadline] = append(by[o.deadline], o.id)
	}
	var all []string
	for _, deadline := range order {
		all = append(all, fmt.Sprintf("%s within %s", strings.Join(by[deadline], ", "), deadline))
	}
	return strings.Join(all, "; ")
}
