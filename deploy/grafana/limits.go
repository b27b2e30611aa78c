package main

import "github.com/grafana/grafana-foundation-sdk/go/units"

// limits is what is not let through, and why.
func limits() board {
	return board{
		uid: "puente-limits", title: "Puente: limits and clients",
		about: "Whom the edge turns away. Which client it was is in the audit, never in a label.",
		rows: []row{
			{"Rate limits", []panel{
				graph("Decisions", units.RequestsPerSecond, "By policy; local: by this replica's share while Redis is away.", query{counted("policy, result", "ratelimit_decisions_total"), "{{policy}} {{result}}"}),
				limited(graph("Degraded", "", "Processes that count by themselves because Redis is away.", query{`sum(ratelimit_degraded)`, "processes"}), 1),
				graph("Redis, 99 %", units.Seconds, "Calls of requests to Redis, failed ones included.",
					query{`histogram_quantile(0.99, sum by (le) (rate(ratelimit_redis_duration_seconds_bucket[$__rate_interval])))`, "99 %"}),
			}},
			{"Turned away at the edge", []panel{
				graph("Callers' errors", units.RequestsPerSecond, "By API and status. 401 and 403 in number: somebody tries, or a key was changed.",
					query{rate("sum by (api, status)", edge+`, outcome=~"client|quota"`), "{{api}} {{status}}"}),
				graph("Over a limit", units.PercentUnit, "The share of requests that were told to come later, by API.",
					query{rate("sum by (api)", edge+`, outcome="quota"`) + " / " + rate("sum by (api)", edge) + " or " + rate("sum by (api)", edge) + " * 0", "{{api}}"}),
				graph("Shed", units.RequestsPerSecond, "Refused early for want of a place or of memory.", query{counted("class, reason", "shed_total"), "{{class}} {{reason}}"}),
			}},
			{"Clients and contracts", []panel{
				limited(graph("Age of what is known of clients", units.Seconds, "In the process where it is oldest. A revoked client is served for so long.", query{`max by (instance) (access_snapshot_age_seconds)`, "{{instance}}"}), 15),
				graph("Answers that break their contract", units.RequestsPerSecond, "Of those sampled, by operation. Ours to mend.",
					query{counted("api, operation", "contract_response_breaches_total") + ` or label_replace(sum(server_ready) * 0, "api", "none", "", "")`, "{{api}} {{operation}}"}),
				graph("Shadow refusals", units.RequestsPerSecond, "What a policy in shadow mode would have refused.",
					query{counted("api, policy", "policy_shadow_refusals_total") + ` or label_replace(sum(server_ready) * 0, "policy", "none", "", "")`, "{{api}} {{policy}}"}),
			}},
		},
	}
}
