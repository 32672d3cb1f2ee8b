package dashboards

import "github.com/grafana/grafana-foundation-sdk/go/units"

// overview shows whether Sluice works.
func overview() *builder {
	return newDashboard("sluice-overview", "Sluice overview", "Whether exports, dumps and requests work, and how much they transfer.").
		WithRow(row("Now")).
		WithPanel(alarming(number("Processes down", "Processes that Prometheus cannot scrape.", units.Short,
			`count(up{job=~"sluice.*"} == 0) or vector(0)`), 1)).
		WithPanel(number("Exports running", "Exports that workers read.", units.Short,
			`max(sluice_exports{state="running"})`)).
		WithPanel(number("Exports waiting", "Accepted exports that no worker has started.", units.Short,
			`max(sluice_exports{state="accepted"})`)).
		WithPanel(number("Oldest unfinished export", "Time since it was accepted.", units.Seconds,
			`time() - min(sluice_export_oldest_timestamp_seconds{state=~"accepted|running"} > 0) or vector(0)`)).
		WithPanel(alarming(number("Since the last progress", "Of the running export whose progress is the least recent.", units.Seconds,
			`time() - min(sluice_export_progress_timestamp_seconds > 0) or vector(0)`), 600)).
		WithPanel(alarming(number("Failed in 24 hours", "Exports that have failed.", units.Short,
			`sum(increase(sluice_exports_total{outcome="failed"}[24h]))`), 1)).
		WithRow(row("Exports")).
		WithPanel(graph("Exports by state", "Exports that are not finished, and those whose files are kept.", units.Short,
			query{`max by (state) (sluice_exports)`, "{{state}}"})).
		WithPanel(graph("Ended exports", "Exports that have ended in the interval, by outcome.", units.Short,
			query{`sum by (outcome) (increase(sluice_exports_total[$__rate_interval]))`, "{{outcome}}"})).
		WithPanel(graph("Throughput of exports", "Bytes of resources that parts have read, and bytes of files that they have stored.", units.BytesPerSecondSI,
			query{`sum(rate(sluice_export_read_bytes_total[$__rate_interval]))`, "read"},
			query{`sum(rate(sluice_export_stored_bytes_total[$__rate_interval]))`, "stored"})).
		WithPanel(graph("Files kept", "Size of the files of exports in the bucket.", units.BytesSI,
			query{`max(sluice_files_kept_bytes)`, "kept"})).
		WithRow(row("Dumps")).
		WithPanel(graph("Dumps running", "Dumps and $sql-run requests that are being answered, and their maximum.", units.Short,
			query{`sum(sluice_dumps_running)`, "running"}, query{`sum(sluice_dumps_limit)`, "limit"})).
		WithPanel(graph("Ended dumps", "Dumps that have ended in the interval, by outcome. failed and stalled are cut off.", units.Short,
			query{`sum by (outcome) (increase(sluice_dumps_total[$__rate_interval]))`, "{{outcome}}"})).
		WithPanel(graph("Time to the first byte", "Of dumps.", units.Seconds, quantiles("sluice_dump_first_byte_seconds", "")...)).
		WithPanel(graph("Bytes sent by dumps", "After compression, by resource type.", units.BytesPerSecondSI,
			query{`topk(10, sum by (resource_type) (rate(sluice_dump_bytes_total[$__rate_interval])))`, "{{resource_type}}"})).
		WithRow(row("Requests")).
		WithPanel(graph("Requests by status", "Requests that were answered.", units.RequestsPerSecond,
			query{`sum by (code) (rate(sluice_http_requests_total[$__rate_interval]))`, "{{code}}"})).
		WithPanel(graph("Server errors", "Share of requests with a status of 500 or above, without probes.", units.PercentUnit,
			query{`sum(rate(sluice_http_requests_total{code=~"5..",route!~"/health|/ready"}[$__rate_interval])) / sum(rate(sluice_http_requests_total{route!~"/health|/ready"}[$__rate_interval]))`, "5xx"})).
		WithPanel(graph("Time to answer a kick-off", "A kick-off only checks the request and inserts two rows.", units.Seconds,
			quantiles("sluice_http_request_duration_seconds", `{route=~".*[$].*export"}`)...)).
		WithPanel(graph("Refusals", "Requests that were refused, by reason.", units.RequestsPerSecond,
			query{`sum by (reason) (rate(sluice_refusals_total[$__rate_interval])) > 0`, "{{reason}}"})).
		WithPanel(graph("Log messages", "Lines of the level warn and above.", perSecond,
			query{`sum by (level) (rate(sluice_log_messages_total[$__rate_interval]))`, "{{level}}"})).
		WithPanel(graph("Versions", "Processes by version.", units.Short,
			query{`count by (version) (sluice_build_info)`, "{{version}}"}))
}
