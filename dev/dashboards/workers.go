package dashboards

import "github.com/grafana/grafana-foundation-sdk/go/units"

// workersAndStore shows what limits the processes: slots, connections, the object store,
// processors and memory.
func workersAndStore() *builder {
	return newDashboard("sluice-workers-and-store", "Sluice workers and store", "What limits the processes: slots, connections, the object store, processors and memory.").
		WithRow(row("Workers")).
		WithPanel(graph("Slots", "Parts that workers read, may read, and could read if there were more slots.", units.Short,
			query{`sum(sluice_slots_busy)`, "busy"}, query{`sum(sluice_slots_limit)`, "limit"}, query{`max(sluice_parts_runnable)`, "runnable"})).
		WithPanel(graph("Wait for a slot", "Time from when a part was due until a worker started it.", units.Seconds,
			quantiles("sluice_job_queue_wait_seconds", `{queue="part"}`)...)).
		WithPanel(graph("Queues", "Jobs that have not ended.", units.Short,
			query{`max by (queue, state) (sluice_queue_jobs) > 0`, "{{queue}} {{state}}"})).
		WithPanel(graph("Oldest waiting job", "Time since when the longest waiting job of a queue is available.", units.Seconds,
			query{`time() - min by (queue) (sluice_queue_oldest_timestamp_seconds > 0)`, "{{queue}}"})).
		WithPanel(graph("Fit workers", "Workers that take jobs, and all.", units.Short,
			query{`sum(sluice_worker_fit)`, "fit"}, query{`count(sluice_worker_fit)`, "all"})).
		WithPanel(graph("Leases", "Leases that were lost or reclaimed, and failed renewals, in the interval.", units.Short,
			query{`sum by (kind) (increase(sluice_leases_lost_total[$__rate_interval]))`, "{{kind}} lost"},
			query{`sum by (kind) (increase(sluice_leases_reclaimed_total[$__rate_interval]))`, "{{kind}} reclaimed"},
			query{`sum by (kind) (increase(sluice_lease_renewal_failures_total[$__rate_interval]))`, "{{kind}} renewal failed"})).
		WithPanel(graph("Since the last maintenance", "Time since a task of the maintenance last succeeded.", units.Seconds,
			query{`time() - max by (task) (sluice_maintenance_last_success_timestamp_seconds > 0)`, "{{task}}"})).
		WithPanel(graph("Overdue files", "Files that should have been deleted from the bucket.", units.Short,
			query{`max(sluice_files_overdue)`, "overdue"})).
		WithRow(row("Databases")).
		WithPanel(graph("Connections in use", "Share of the maximum of each pool.", units.PercentUnit,
			query{`sum by (instance, pool) (sluice_pool_connections{state="acquired"}) / sum by (instance, pool) (sluice_pool_connections_limit)`, "{{instance}} {{pool}}"})).
		WithPanel(graph("Waiting for connections", "Seconds waited per second.", units.Seconds,
			query{`sum by (instance, pool) (rate(sluice_pool_wait_seconds_total[$__rate_interval]))`, "{{instance}} {{pool}}"})).
		WithPanel(graph("Collectors", "Duration of the queries for metrics.", units.Seconds,
			query{`max by (collector) (sluice_collector_duration_seconds)`, "{{collector}}"})).
		WithPanel(graph("Clock offset", "How far the clock of the state database is ahead of the clock of a process.", units.Seconds,
			query{`sluice_state_clock_offset_seconds`, "{{instance}}"}).Min(-1)).
		WithRow(row("Object store")).
		WithPanel(graph("Requests", "By operation.", units.RequestsPerSecond,
			query{`sum by (operation) (rate(sluice_store_requests_total[$__rate_interval]))`, "{{operation}}"})).
		WithPanel(graph("Failed requests", "By operation and status; error is a request without a response.", units.RequestsPerSecond,
			query{`sum by (operation, code) (rate(sluice_store_requests_total{code!~"2..|canceled"}[$__rate_interval])) > 0`, "{{operation}} {{code}}"})).
		WithPanel(graph("Duration", "95% of the requests of an operation are faster.", units.Seconds,
			query{`histogram_quantile(0.95, sum by (le, operation) (rate(sluice_store_request_duration_seconds_bucket[$__rate_interval])))`, "{{operation}}"})).
		WithPanel(graph("Bytes", "Bodies of requests and responses.", units.BytesPerSecondSI,
			query{`sum(rate(sluice_store_sent_bytes_total[$__rate_interval]))`, "sent"},
			query{`sum(rate(sluice_store_received_bytes_total[$__rate_interval]))`, "received"})).
		WithPanel(graph("Uploads in flight", "Uploads begun and neither complete nor aborted.", units.Short,
			query{`sum by (instance) (sluice_uploads_in_flight)`, "{{instance}}"})).
		WithRow(row("Processes")).
		WithPanel(graph("Memory", "Resident memory of each process, and its limit if it has one.", units.BytesIEC,
			query{`process_resident_memory_bytes{job=~"sluice.*"}`, "{{instance}}"},
			query{`min(sluice_memory_limit_bytes > 0)`, "lowest limit"})).
		WithPanel(graph("Processors", "Processor seconds per second of each process.", units.Short,
			query{`rate(process_cpu_seconds_total{job=~"sluice.*"}[$__rate_interval])`, "{{instance}}"})).
		WithPanel(graph("Goroutines", "By process.", units.Short,
			query{`go_goroutines{job=~"sluice.*"}`, "{{instance}}"}))
}
