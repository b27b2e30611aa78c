package main

import (
	"fmt"

	"github.com/grafana/grafana-foundation-sdk/go/units"
)

// dependent are the APIs that call systems outside, and what these are. Each target of an API has a circuit and
// places of its own.
var dependent = map[string]string{
	"carrierbilling": "The operator's carrier billing: charges, inquiries and refunds.",
	"inventory":      "The inventory of services, with its view for television.",
	"oauth2":         "The provider of access tokens and its keys.",
	"orders":         "The system of work orders, and billing.",
	"pqr":            "The system of petitions and complaints.",
	"salesorder":     "BotService, which files port-ins.",
	"smsc":           "The SMS gateway.",
	"subscriber":     "The directory of lines, and what happens to them.",
	"subscription":   "The partners' endpoints, which are told of charges and subscriptions.",
	"tvplatforms":    "The television platforms: subscribers, channels, services and devices of each technology.",
}

// dependencies are a dashboard for each API that calls a system.
func dependencies(apis []api) []board {
	var all []board
	for _, a := range apis {
		about, known := dependent[a.name]
		if !known || a.layer == "xapi" {
			continue
		}
		one := func(metric, more string) string { return fmt.Sprintf("%s{api=%q%s}", metric, a.name, more) }
		perTarget := func(metric, more string) string {
			return `sum by (target) (rate(` + one(metric, more) + `[$__rate_interval]))`
		}
		quantile := func(q float64) query {
			return query{fmt.Sprintf(`histogram_quantile(%v, sum by (le, target) (rate(%s[$__rate_interval])))`, q, one("http_client_request_duration_seconds_bucket", "")), "{{target}}"}
		}
		all = append(all, board{uid: "puente-dependency-" + a.name, title: "Puente: behind " + a.name, about: about, rows: []row{
			{"Calls", []panel{
				graph("Attempts", units.RequestsPerSecond, "Each call of a system, by target.", query{perTarget("http_client_request_duration_seconds_count", ""), "{{target}}"}),
				graph("Answers", units.RequestsPerSecond, "By status, or by the reason why there was none.",
					query{`sum by (target, status) (rate(` + one("http_client_request_duration_seconds_count", "") + `[$__rate_interval]))`, "{{target}} {{status}}"}),
				graph("Failures", units.PercentUnit, "The share of attempts that the system answered with its own error, or not at all.",
					query{perTarget("http_client_request_duration_seconds_count", `, status!~"[1-4].."`) + " / " + perTarget("http_client_request_duration_seconds_count", "") +
						" or " + perTarget("http_client_request_duration_seconds_count", "") + " * 0", "{{target}}"}),
			}},
			{"Latency", []panel{
				graph("50 %", units.Seconds, "Until the answer was complete.", quantile(0.5)),
				graph("95 %", units.Seconds, "Until the answer was complete.", quantile(0.95)),
				graph("99 %", units.Seconds, "Until the answer was complete. A point shows a trace.", quantile(0.99)),
			}},
			{"What protects it, and us", []panel{
				limited(graph("Circuit breakers", "", "0 closed, 1 half-open, 2 open, by class: safe to repeat, or once.", query{`max by (target, class) (` + one("http_client_breaker_state", "") + `)`, "{{target}} {{class}}"}), 1),
				graph("Places in use", units.PercentUnit, "Of the bulkhead, in the process where it is fullest. At 1 calls are refused.",
					query{`max by (target) (` + one("http_client_bulkhead_in_use", "") + ` / ` + one("http_client_bulkhead_max", "") + `)`, "{{target}}"}),
				graph("Not sent", units.CountsPerSecond, "Attempts refused by an open circuit or a full bulkhead, and retries: sent, and denied by their budget.",
					query{`sum by (target, reason) (rate(` + one("http_client_refused_total", "") + `[$__rate_interval]))`, "{{target}} {{reason}}"},
					query{`sum by (target, outcome) (rate(` + one("http_client_retries_total", "") + `[$__rate_interval]))`, "{{target}} retries {{outcome}}"}),
			}},
		}})
	}
	return all
}
