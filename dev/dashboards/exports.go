package dashboards

import "github.com/grafana/grafana-foundation-sdk/go/units"

// exports shows how exports proceed and what they cost the source.
func exports() *builder {
	return newDashboard("sluice-exports", "Sluice exports", "How exports proceed, what they contain, and what their snapshots hold back in the source.").
		WithRow(row("Backlog")).
		WithPanel(number("Parts left", "Parts of planned exports that are not done.", units.Short, `max(sluice_parts_left)`)).
		WithPanel(number("Bytes left", "Bytes on disk that planned exports still have to read.", units.BytesSI, `max(sluice_export_bytes_left)`)).
		WithPanel(number("Parts runnable", "Parts that workers could work on now. Workers are scaled by it.", units.Short, `max(sluice_parts_runnable)`)).
		WithPanel(number("Parts per minute", "Parts that were completed, on average over 15 minutes.", units.Short,
			`60 * sum(rate(sluice_job_duration_seconds_count{kind="part",outcome="completed"}[15m]))`)).
		WithPanel(number("Time left", "Parts left, at the rate of the last 15 minutes.", units.Seconds,
			`max(sluice_parts_left) / (sum(rate(sluice_job_duration_seconds_count{kind="part",outcome="completed"}[15m])) > 0)`)).
		WithPanel(number("Exports that wait", "Exports that wait because of an outage or for a worker.", units.Short, `max(sluice_waiting_exports)`)).
		WithRow(row("Durations")).
		WithPanel(graph("Duration of exports", "From the kick-off to the end.", units.Seconds, quantiles("sluice_export_duration_seconds", "")...)).
		WithPanel(graph("Delay before the start", "From the kick-off until a worker starts the export.", units.Seconds, quantiles("sluice_export_start_delay_seconds", "")...)).
		WithPanel(graph("Duration of parts", "Time that a job of a completed part ran.", units.Seconds,
			quantiles("sluice_job_duration_seconds", `{kind="part",outcome="completed"}`)...)).
		WithPanel(graph("Age of the oldest export", "By state, since it was accepted. Running exports fail at the timeout.", units.Seconds,
			query{`time() - min by (state) (sluice_export_oldest_timestamp_seconds{state=~"accepted|running"} > 0)`, "{{state}}"},
			query{`min(sluice_export_timeout_seconds)`, "timeout"})).
		WithRow(row("Trouble")).
		WithPanel(graph("Restarts", "Exports that began again from a new snapshot in the interval, by reason.", units.Short,
			query{`sum by (reason) (increase(sluice_export_restarts_total[$__rate_interval]))`, "{{reason}}"})).
		WithPanel(graph("Waits", "Waits for a database, the store or a worker that were recorded in the interval, by reason.", units.Short,
			query{`sum by (reason) (increase(sluice_export_waits_total[$__rate_interval]))`, "{{reason}}"})).
		WithPanel(graph("Failed and retried jobs", "Jobs that have ended without success in the interval.", units.Short,
			query{`sum by (kind, outcome) (increase(sluice_job_duration_seconds_count{outcome!="completed"}[$__rate_interval]))`, "{{kind}} {{outcome}}"})).
		WithPanel(graph("Conversion issues", "Values that could not be converted to FHIR, per resource.", units.PercentUnit,
			query{`topk(10, sum by (resource_type) (rate(sluice_export_issues_total[$__rate_interval])) / sum by (resource_type) (rate(sluice_export_resources_total[$__rate_interval])))`, "{{resource_type}}"})).
		WithRow(row("Content")).
		WithPanel(graph("Resources", "Resources, or rows of views, in the files of finished parts, by resource type.", perSecond,
			query{`topk(10, sum by (resource_type) (rate(sluice_export_resources_total[$__rate_interval])))`, "{{resource_type}}"})).
		WithPanel(graph("Bytes read", "By resource type.", units.BytesPerSecondSI,
			query{`topk(10, sum by (resource_type) (rate(sluice_export_read_bytes_total[$__rate_interval])))`, "{{resource_type}}"})).
		WithPanel(graph("Compression", "Stored bytes per byte read.", units.PercentUnit,
			query{`sum(rate(sluice_export_stored_bytes_total[$__rate_interval])) / (sum(rate(sluice_export_read_bytes_total[$__rate_interval])) > 0)`, "stored"})).
		WithPanel(graph("Files", "Files that were published.", perSecond,
			query{`sum(rate(sluice_export_files_total[$__rate_interval]))`, "files"})).
		WithRow(row("Source database")).
		WithPanel(graph("Age of the oldest snapshot", "VACUUM in the source cannot remove rows that became dead since.", units.Seconds,
			query{`time() - min(sluice_snapshot_oldest_timestamp_seconds > 0)`, "oldest"})).
		WithPanel(graph("Transactions held back", "How many transactions old the oldest snapshot of Sluice is. PostgreSQL forces VACUUM at 200 million.", units.Short,
			query{`max(sluice_source_xmin_age_transactions)`, "transactions"})).
		WithPanel(graph("Lag of transactionTime", "How much earlier than the snapshot it is: long transactions that write into the source.", units.Seconds,
			quantiles("sluice_transaction_time_lag_seconds", "")...)).
		WithPanel(graph("Throttling", "Seconds per second that scans have waited because of SLUICE_READ_BYTES_PER_SECOND.", units.Seconds,
			query{`sum by (instance) (rate(sluice_read_throttled_seconds_total[$__rate_interval]))`, "{{instance}}"}))
}
