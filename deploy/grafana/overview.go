package main

import "github.com/grafana/grafana-foundation-sdk/go/units"

// edge selects what the public edge answered.
const edge = `layer="xapi", operation!="unmatched"`

// overview is where an SRE looks first.
func overview() board {
	return board{
		uid: "puente-overview", title: "Puente: overview",
		about: "Is what we promise kept, and if not, where to look. The dashboards of layers, APIs and dependencies are in the menu above.",
		rows: []row{
			{"State", []panel{
				floor("Processes ready", "", "Processes whose /readyz takes requests. Below the number that is deployed: look at the log of the others.", 1, `sum(server_ready)`),
				number("Pages", "", "Alerts that page and fire now. Each has a section in the runbooks.", 1, `count(ALERTS{alertstate="firing", severity="page"}) or vector(0)`),
				number("Tickets", "", "Alerts that want somebody to look within a day.", 1, `count(ALERTS{alertstate="firing", severity="ticket"}) or vector(0)`),
				floor("Least budget left", units.PercentUnit, "Of the error budget of 30 days, at the operation that has least.", 0.25, `min(api_operation:slo_budget_left:ratio30d)`),
				number("Bad answers", units.PercentUnit, "Of what callers asked in 5 minutes: our faults, what we shed, and what came late.", 0.001,
					`(sum(api_operation:slo_bad:rate5m) / sum(api_operation:slo_requests:rate5m)) >= 0 or vector(0)`),
				number("Circuits open", "", "Circuit breakers of dependencies that are not closed. Dependencies' own dashboards tell which.", 1, `count(http_client_breaker_state > 0) or vector(0)`),
			}},
			{"What callers see", []panel{
				graph("Requests", units.RequestsPerSecond, "At the public edge, by API.", query{rate(`sum by (api)`, edge), "{{api}}"}),
				graph("Answers", units.RequestsPerSecond, "By whose doing they are: ok; client, the caller's; quota, the caller was over a limit; shed, we had no place; server, ours.",
					query{rate(`sum by (outcome)`, edge), "{{outcome}}"}),
				graph("Latency, 99 %", units.Seconds, "Of each API. A point shows a trace.", query{quantile(0.99, "api", edge), "{{api}}"}),
			}},
			{"Objectives", []panel{
				limited(graph("Burn rate, 1 h", "", "How many times faster than allowed the error budget of an API's worst operation goes. 14.4 pages.",
					query{`max by (api) (api_operation:slo_errors:ratio_rate1h / on (api, operation) api_operation:slo_budget:ratio)`, "{{api}}"}), 14.4),
				graph("Budget left, 30 d", units.PercentUnit, "Of each API's worst operation. At zero no more risks are taken: see the error budgets.",
					query{`min by (api) (api_operation:slo_budget_left:ratio30d)`, "{{api}}"}),
				graph("Shed", units.RequestsPerSecond, "Requests refused early, for want of a place or of memory. More replicas help.", query{`sum by (class, reason) (rate(shed_total[$__rate_interval]))`, "{{class}} {{reason}}"}),
			}},
			{"What it stands on", []panel{
				graph("Dependencies: failures", units.RequestsPerSecond, "Calls that were answered by a server's error, or not at all.",
					query{`sum by (target) (rate(http_client_request_duration_seconds_count{status=~"5..|timeout|error|aborted"}[$__rate_interval])) or sum by (target) (http_client_bulkhead_max * 0)`, "{{target}}"}),
				graph("PostgreSQL: connections", "", "In use and idle, of all processes together.", query{`sum by (state) (database_pool_connections)`, "{{state}}"}, query{`sum(database_pool_connections_max)`, "at most"}),
				graph("Work that waits", units.Seconds, "For how long the oldest has been due: jobs, notifications and messages, the audit, renewals.",
					query{`max(jobs_lag_seconds)`, "jobs"}, query{`max by (stream) (outbox_due_lag_seconds)`, "{{stream}}"},
					query{`max(audit_loader_lag_seconds)`, "audit"}, query{`max(subscription_renewals_lag_seconds)`, "renewals"}),
			}},
		},
	}
}

// budgets is the page of error budgets.
func budgets() board {
	const perOperation = "{{api}} {{operation}}"
	burn := func(window string) query {
		return query{`api_operation:slo_errors:ratio_rate` + window + ` / on (api, operation) api_operation:slo_budget:ratio`, perOperation}
	}
	return board{
		uid: "puente-budgets", title: "Puente: error budgets",
		about: "What the contracts promise (x-sla), and what is left of it. Good: outcome ok or client within the deadline. Not counted: quota. Bad: all else. The deadline is a limit, not a quantile.",
		rows: []row{
			{"Budget of 30 days", []panel{
				graph("Left", units.PercentUnit, "Of each operation's budget. Below zero the promise is broken: reliability goes before features.", query{`api_operation:slo_budget_left:ratio30d`, perOperation}),
				graph("Budget", units.PercentUnit, "The share of requests that may be bad, by contract.", query{`api_operation:slo_budget:ratio`, perOperation + " {{deadline}}"}),
				graph("Counted requests", units.RequestsPerSecond, "What the ratios are of.", query{`api_operation:slo_requests:rate5m`, perOperation}),
			}},
			{"Pages: 14.4 in 1 h and 5 min, or 6 in 6 h and 30 min", []panel{
				limited(graph("Burn rate, 5 min", "", "How many times faster than allowed.", burn("5m")), 14.4),
				limited(graph("Burn rate, 1 h", "", "At 14.4, 2 % of the budget of 30 days goes in an hour.", burn("1h")), 14.4),
				limited(graph("Burn rate, 6 h", "", "At 6, 5 % of the budget goes in six hours.", burn("6h")), 6),
			}},
			{"Tickets: 3 in 1 d and 2 h, or 1 in 3 d and 6 h", []panel{
				limited(graph("Burn rate, 2 h", "", "How many times faster than allowed.", burn("2h")), 3),
				limited(graph("Burn rate, 1 d", "", "At 3, 10 % of the budget goes in a day.", burn("1d")), 3),
				limited(graph("Burn rate, 3 d", "", "At 1, all of the budget is gone by its end.", burn("3d")), 1),
			}},
		},
	}
}

func limited(p panel, limit float64) panel {
	p.limit = limit
	return p
}

// rate is of requests to our APIs that the labels select.
func rate(by, labels string) string {
	return by + ` (rate(http_server_request_duration_seconds_count{` + labels + `}[$__rate_interval]))`
}
