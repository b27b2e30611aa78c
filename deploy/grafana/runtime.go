package main

import "github.com/grafana/grafana-foundation-sdk/go/units"

// runtime is what the processes stand on.
func runtime() board {
	const instance = "{{instance}}"
	quantile := func(metric, by string) string {
		return `histogram_quantile(0.99, sum by (le, ` + by + `) (rate(` + metric + `_bucket[$__rate_interval])))`
	}
	return board{
		uid: "puente-runtime", title: "Puente: runtime, PostgreSQL, Redis, jobs",
		about: "Processes, and what they keep their state in.",
		rows: []row{
			{"Processes", []panel{
				graph("CPU", "", "Cores in use.", query{`rate(process_cpu_seconds_total[$__rate_interval])`, instance}),
				graph("Memory", units.BytesIEC, "Resident, and in use on the heap.", query{`process_resident_memory_bytes`, instance + " resident"}, query{`go_memstats_heap_inuse_bytes`, instance + " heap"}),
				graph("Memory against its watermark", units.PercentUnit, "From 1 on requests are shed.", query{`shed_memory_watermark_ratio`, instance}),
				graph("Goroutines", "", "A number that only grows is a leak.", query{`go_goroutines`, instance}),
				graph("Garbage collection", units.Seconds, "Time stopped per second.", query{`rate(go_gc_duration_seconds_sum[$__rate_interval])`, instance}),
				graph("Open files", units.PercentUnit, "Of those the process may open.", query{`process_open_fds / process_max_fds`, instance}),
			}},
			{"PostgreSQL", []panel{
				graph("Connections", "", "By state.", query{`sum by (instance, state) (database_pool_connections)`, instance + " {{state}}"}),
				graph("Waiting for a connection", units.Seconds, "Seconds of waiting per second.", query{`rate(database_pool_acquire_wait_seconds_total[$__rate_interval])`, instance}),
				graph("Not got in time", units.CountsPerSecond, "Requests that gave up waiting for a connection.", query{`rate(database_pool_acquires_canceled_total[$__rate_interval])`, instance}),
				graph("Group commit, 99 %", units.Seconds, "Time to write a group of items.", query{quantile("database_writer_group_duration_seconds", "writer"), "{{writer}}"}),
				graph("Group commit: items", "", "That shared a transaction, on the average.",
					query{`sum by (writer) (rate(database_writer_group_size_sum[$__rate_interval])) / sum by (writer) (rate(database_writer_group_size_count[$__rate_interval]))`, "{{writer}}"}),
				graph("Redis, 99 %", units.Seconds, "Calls of requests to Redis.", query{`histogram_quantile(0.99, sum by (le) (rate(ratelimit_redis_duration_seconds_bucket[$__rate_interval])))`, "99 %"}),
			}},
			{"Jobs", []panel{
				graph("Worked", units.CountsPerSecond, "Attempts, by kind and result.", query{counted("kind, result", "jobs_worked_total"), "{{kind}} {{result}}"}),
				graph("Oldest that is due", units.Seconds, "By queue.", query{`max by (queue) (jobs_lag_seconds)`, "{{queue}}"}),
				graph("Duration, 99 %", units.Seconds, "By kind.", query{quantile("jobs_duration_seconds", "kind"), "{{kind}}"}),
				graph("Rescued", units.CountsPerSecond, "Jobs taken over from processes that died.", query{`rate(jobs_rescued_total[$__rate_interval])`, instance}),
				graph("Outbox: oldest that is due", units.Seconds, "By stream; destinations that are paused do not count.", query{`max by (stream) (outbox_due_lag_seconds)`, "{{stream}}"}),
				graph("Outbox: destinations", "", "Whose circuit is open, and that are paused.", query{`max by (stream) (outbox_destinations_broken)`, "{{stream}} broken"}, query{`max by (stream) (outbox_destinations_paused)`, "{{stream}} paused"}),
			}},
			{"Audit and configuration", []panel{
				graph("Records", units.CountsPerSecond, "Journalled, by kind.", query{counted("kind", "audit_records_total"), "{{kind}}"}),
				limited(graph("Not in the database yet", units.Seconds, "For how long there has been something journalled that is not loaded.", query{`max by (instance) (audit_loader_lag_seconds)`, instance}), 300),
				limited(graph("Lost, and chains broken", "", "Records without a place, and chains in which something was altered. Any is a page.",
					query{`sum(audit_dropped_total)`, "lost"}, query{`max(audit_chains_broken)`, "chains broken"}), 1),
				graph("Age of snapshots", units.Seconds, "Of what is kept in memory and read from tables.", query{`max(access_snapshot_age_seconds)`, "access"}, query{`max(subscription_catalogue_snapshot_age_seconds)`, "catalogue"},
					query{`max(typology_snapshot_age_seconds)`, "typologies"}, query{`max(tvtables_snapshot_age_seconds)`, "television tables"}),
				graph("Snapshots that failed", units.CountsPerSecond, "The one before goes on being used.", query{`sum(rate(access_snapshot_failures_total[$__rate_interval]))`, "access"}, query{`sum(rate(subscription_catalogue_snapshot_failures_total[$__rate_interval]))`, "catalogue"}),
				graph("Configurations read", units.CountsPerSecond, "While serving, by result.", query{counted("result", "config_reloads_total"), "{{result}}"}),
			}},
		},
	}
}
