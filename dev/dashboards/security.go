package dashboards

import "github.com/grafana/grafana-foundation-sdk/go/units"

// security shows logins, the audit trail and certificates.
func security() *builder {
	return newDashboard("sluice-security", "Sluice security", "Logins, permissions, the audit trail, certificates and retention.").
		WithRow(row("Logins")).
		WithPanel(graph("Logins by outcome", "Logins and uses of access tokens. limited: too many have failed.", perSecond,
			query{`sum by (outcome) (rate(sluice_auth_total[$__rate_interval]))`, "{{outcome}}"})).
		WithPanel(graph("Failed logins by method", "Those that were refused or limited.", perSecond,
			query{`sum by (method, outcome) (rate(sluice_auth_total{outcome=~"refused|limited"}[$__rate_interval]))`, "{{method}} {{outcome}}"})).
		WithPanel(graph("Logins that wait", "Logins with chosen secrets that wait for others to be verified.", units.Short,
			query{`sum by (instance) (sluice_auth_hash_waiting)`, "{{instance}}"})).
		WithPanel(graph("Keys of clients", "Requests for the keys of clients at their URLs.", perSecond,
			query{`sum by (outcome) (rate(sluice_jwks_fetches_total[$__rate_interval]))`, "{{outcome}}"})).
		WithPanel(graph("Missing permissions", "Requests that were refused because the client lacks the permission.", units.RequestsPerSecond,
			query{`sum(rate(sluice_refusals_total{reason="scope"}[$__rate_interval]))`, "scope"})).
		WithPanel(graph("Downloads through the API", "Files, or ranges of them, by outcome.", perSecond,
			query{`sum by (outcome) (rate(sluice_downloads_total[$__rate_interval]))`, "{{outcome}}"})).
		WithRow(row("Audit trail")).
		WithPanel(graph("Events that wait", "Events that are not in the bucket yet.", units.Short,
			query{`sum by (instance) (sluice_audit_events_waiting)`, "{{instance}}"})).
		WithPanel(graph("Dropped events", "Events that are in the log only, in the interval.", units.Short,
			query{`sum by (instance) (increase(sluice_audit_events_dropped_total[$__rate_interval]))`, "{{instance}}"})).
		WithPanel(graph("Since events were stored", "It grows while there are none to store.", units.Seconds,
			query{`time() - max by (instance) (sluice_audit_last_stored_timestamp_seconds > 0)`, "{{instance}}"})).
		WithRow(row("Certificates and retention")).
		WithPanel(graph("Certificate", "Time until the TLS certificate of the API expires.", units.Seconds,
			query{`min by (instance) (sluice_tls_certificate_expiry_timestamp_seconds) - time()`, "{{instance}}"})).
		WithPanel(graph("Overdue files", "Files that should have been deleted from the bucket.", units.Short,
			query{`max(sluice_files_overdue)`, "overdue"})).
		WithPanel(graph("Since exports were expired", "Time since the task last succeeded.", units.Seconds,
			query{`time() - max(sluice_maintenance_last_success_timestamp_seconds{task="expire"} > 0)`, "expire"}))
}
