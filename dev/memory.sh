#!/usr/bin/env bash
# Measures the peak resident memory of the API during dumps, and of a worker with two slots
# during an export, of 1 GB of jsonb text. Run it in a temporary stand:
#
#   make stand RUN='dev/memory.sh'
#
# It fails if the API uses more than 64 MiB, or the worker more than 64 MiB and 48 MiB for
# the second slot.
set -euo pipefail
megabytes=${1:-1000}
export SLUICE_LISTEN=127.0.0.1:${PORT:-18099}

bin/sluice migrate >/dev/null
SLUICE_CLIENT_SECRET=secret bin/sluice client add memory --scope 'system/*.rs' >/dev/null
echo '{"resourceType":"Patient","id":"first"}' | bin/sluice load - >/dev/null

# Rows of about 1 kB that do not compress to nothing, and some of 5 MB.
psql -q -v ON_ERROR_STOP=1 "$SLUICE_SOURCE_URL" <<SQL
INSERT INTO patient (id, txid, resource_type, status, resource)
SELECT 'p' || i, i, 'Patient', 'created',
       jsonb_build_object('active', true, 'birthDate', '1970-01-01', 'managingOrganization',
         jsonb_build_object('resourceType', 'Organization', 'id', 'o' || i % 100),
         'name', jsonb_build_array(jsonb_build_object('family', (SELECT string_agg(md5(i::text || j), '') FROM generate_series(1, 27) j))))
FROM generate_series(1, $megabytes * 1000) i;
INSERT INTO patient (id, txid, resource_type, status, resource)
SELECT 'large' || i, i, 'Patient', 'created',
       jsonb_build_object('implicitRules', (SELECT string_agg(md5(i::text || j), '') FROM generate_series(1, 5000000 / 32) j))
FROM generate_series(1, 4) i;
SQL
psql -qAt "$SLUICE_SOURCE_URL" -c "SELECT 'jsonb text: ' || pg_size_pretty(sum(length(resource::text))) || ' in ' || count(*) || ' resources' FROM patient"

bin/sluice api 2>memory.log &
server=$!
SLUICE_SLOTS=2 bin/sluice worker 2>>memory.log &
worker=$!
trap 'kill $server $worker 2>/dev/null; wait $server $worker || true; rm -f memory.log' EXIT
until curl -fs "http://$SLUICE_LISTEN/ready" >/dev/null; do kill -0 $server || { cat memory.log; exit 1; }; done

peak() { awk '/VmHWM/ {print int($2 / 1024)}' /proc/$1/status; }
reset() { echo 5 >/proc/$1/clear_refs; }
check() { # name process limit
  printf '%-24s peak %4d MiB, allowed %d\n' "$1" "$(peak $2)" "$3"
  [ "$(peak $2)" -le "$3" ]
}

for query in '' '?gzip=true' '?fhir=true' '?fhir=true&gzip=true'; do
  reset $server
  curl -fs -u memory:secret "http://$SLUICE_LISTEN/Patient/\$dump$query" >/dev/null
  check "\$dump$query" $server 64
done

reset $worker
status=$(curl -fsi -u memory:secret "http://$SLUICE_LISTEN/fhir/\$export" | tr -d '\r' | awk 'tolower($1) == "content-location:" {print $2}')
begin=$(date +%s%N)
while [ "$(curl -s -o /dev/null -w '%{http_code}' -u memory:secret "$status")" = 202 ]; do sleep 1; done
printf '%-24s %d ms\n' '$export took' $((($(date +%s%N) - begin) / 1000000))
curl -fs -u memory:secret "$status" >/dev/null
check '$export' $worker 112
