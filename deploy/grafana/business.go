package main

import "github.com/grafana/grafana-foundation-sdk/go/units"

// counted is the rate of a counter, by labels.
func counted(by, metric string) string {
	return `sum by (` + by + `) (rate(` + metric + `[$__rate_interval]))`
}

// business is what the flows come to.
func business() board {
	return board{
		uid: "puente-business", title: "Puente: business flows",
		about: "Port-ins, reconnections, television, subscriptions, charges and notifications: what they came to, and what waits.",
		rows: []row{
			{"Portabilities", []panel{
				graph("PINs and port-ins", units.CountsPerSecond, "Sent to BotService, by whose doing the outcome is.",
					query{counted("operation, outcome", `http_server_request_duration_seconds_count{layer="sapi", api="salesorder"}`), "{{operation}} {{outcome}}"}),
				limited(graph("Port-ins without outcome", "", "BotService is asked again until it tells.", query{`max(salesorder_port_ins_unresolved)`, "unresolved"}), 1),
				graph("Repeated requests", units.CountsPerSecond, "Requests with an idempotency key, by what their claim met.", query{counted("state", "idempotency_begins_total"), "{{state}}"}),
			}},
			{"Reconnections", []panel{
				graph("Outcomes", units.CountsPerSecond, "By strategy: an order, a PQR, or why neither.", query{counted("strategy, outcome", "reconnection_outcomes_total"), "{{strategy}} {{outcome}}"}),
				limited(graph("Without outcome", "", "Suspensions of which it is not known whether their order or PQR was made. Jobs find out.", query{`max(reconnection_suspensions_unresolved)`, "unresolved"}), 1),
				graph("Batch items that wait", "", "Of batches of operators.", query{`max(reconnection_batch_items_pending)`, "pending"}),
			}},
			{"Television", []panel{
				graph("Semaphores", units.CountsPerSecond, "Comparisons of the platforms with the inventory. Yellow: the platform did not answer.", query{counted("check, semaphore", "tvvalidation_semaphores_total"), "{{check}} {{semaphore}}"}),
				graph("Normalizations", units.CountsPerSecond, "By technology and outcome.", query{counted("technology, outcome", "tvvalidation_normalizations_total"), "{{technology}} {{outcome}}"},
					query{`max(tvvalidation_normalizations_unfinished)`, "unfinished"}),
				graph("Views of the inventory", units.CountsPerSecond, "By where they came from.", query{counted("source", "tvvalidation_views_total"), "{{source}}"}),
			}},
			{"Subscriptions", []panel{
				graph("Steps of flows", units.CountsPerSecond, "From the offer to the subscription, by what proves the line.", query{counted("proof, step", "subscription_flows_total"), "{{proof}} {{step}}"}),
				graph("Renewals", units.CountsPerSecond, "What became of subscriptions that were due.", query{counted("result", "subscription_renewals_total"), "{{result}}"}),
				graph("Renewals that wait", "", "Subscriptions that are due, and for how many seconds the oldest has been.", query{`max(subscription_renewals_due)`, "due"}, query{`max(subscription_renewals_lag_seconds)`, "oldest, s"}),
			}},
			{"Charges", []panel{
				graph("Charges", units.CountsPerSecond, "By kind and outcome.", query{counted("kind, outcome", "subscription_charges_total"), "{{kind}} {{outcome}}"}),
				graph("Charged", "", "Minor units a second, by product and currency.", query{counted("product, currency", "subscription_charged_minor_units_total"), "{{product}} {{currency}}"}),
				graph("Refunds", units.CountsPerSecond, "By whose decision: a late success, an operator, a partner.",
					query{counted("by", "subscription_refunds_total") + ` or label_replace(sum(subscription_charges_different) * 0, "by", "none", "", "")`, "{{by}}"}),
				limited(graph("Refunds that wait", units.Seconds, "For how long the oldest has. An hour is a ticket, a day is a page.", query{`max(subscription_refunds_open_age_seconds)`, "oldest"}), 3600),
				limited(graph("Without outcome", "", "Charges of which the operator has not told whether they were made.", query{`max(subscription_charges_unresolved)`, "unresolved"}), 1),
				limited(graph("Oldest without outcome", units.Seconds, "An hour is a ticket, a day is a page.", query{`max(subscription_charges_unresolved_age_seconds)`, "oldest"}), 3600),
				limited(graph("Do not add up", "", "Charges whose notifications and refunds do not agree with them. Any is a page.", query{`max(subscription_charges_different)`, "different"}), 1),
			}},
			{"Notifications and messages", []panel{
				graph("Notices to partners", units.CountsPerSecond, "Attempts, by result.", query{counted("stream, result", "outbox_attempts_total"), "{{stream}} {{result}}"}),
				graph("Waiting", "", "Notifications and messages that are to be delivered.", query{`max by (stream) (outbox_pending)`, "{{stream}}"}),
				limited(graph("Given up", "", "Dead letters. A notification of money among them is a page.", query{`max by (stream) (outbox_dead)`, "{{stream}}"}), 1),
				graph("Messages to users", units.CountsPerSecond, "By purpose and by what became of them.", query{counted("purpose, result", "subscription_messages_total"), "{{purpose}} {{result}}"}),
				graph("Messages of users", units.CountsPerSecond, "By what they asked for and what was done.", query{counted("kind, result", "subscription_inbound_total"), "{{kind}} {{result}}"}),
				graph("Callbacks of the SMS gateway", units.CountsPerSecond, "By kind and outcome; forged ones are refused.", query{counted("kind, outcome", "smsc_callbacks_total"), "{{kind}} {{outcome}}"}),
			}},
		},
	}
}
