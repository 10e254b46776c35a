#!/usr/bin/env bash
# A real Synapse, the homeserver of Matrix, on loopback. Users log-monitor and soc, password s3cret for both.
#
#   tests/real/synapse.sh start DIR PORT      makes the configuration (once), runs until it is ready
#   tests/real/synapse.sh stop DIR
#
# LOG_MONITOR_TEST_PYTHON is a Python that has matrix-synapse; else the one of .ci/install is used.
set -euo pipefail

usage() { echo "usage: synapse.sh start DIR PORT | stop DIR" >&2; exit 2; }
[ $# -ge 2 ] || usage
dir=$(realpath -m "$2")
python=$(command -v "${LOG_MONITOR_TEST_PYTHON:-$(dirname "$0")/../../target/real-parts/venv/bin/python}") ||
  { echo "synapse.sh: needs a Python that has matrix-synapse" >&2; exit 1; }
python=$(realpath -s "$python")

# The recorded process, if it is still a Synapse with this folder's configuration: numbers are used again.
running() {
  [ -f "$dir/pid" ] && tr '\0' ' ' <"/proc/$(cat "$dir/pid")/cmdline" 2>/dev/null | grep -qF "$dir/homeserver.yaml"
}

stop() {
  if running; then kill "$(cat "$dir/pid")"; fi
  for _ in $(seq 150); do
    running || break
    sleep 0.1
  done
  ! running || { echo "synapse.sh: process $(cat "$dir/pid") does not end" >&2; exit 1; }
  rm -f "$dir/pid"
}

# Into the folder first: Synapse writes its log where it was configured.
configuration() {
  cd "$dir"
  "$python" -m synapse.app.homeserver --generate-config --server-name localhost --report-stats no \
    --config-path "$dir/homeserver.yaml" --config-directory "$dir" --data-directory "$dir" >"$dir/out" 2>&1
  cat >"$dir/ours.yaml" <<CONF
listeners:
  - port: $1
    bind_addresses: ["127.0.0.1"]
    type: http
    resources: [{ names: [client] }]
trusted_key_servers: []
rc_login: { address: { per_second: 100, burst_count: 100 }, account: { per_second: 100, burst_count: 100 } }
CONF
}

answers() { curl -fsS -o /dev/null "http://127.0.0.1:$1/_matrix/client/versions" 2>/dev/null; }

start() {
  "$python" -c 'import synapse' 2>/dev/null || { echo "synapse.sh: needs matrix-synapse" >&2; exit 1; }
  mkdir -p "$dir"
  stop
  [ -f "$dir/homeserver.yaml" ] || { configuration "$1"; new=yes; }
  "$python" -m synapse.app.homeserver -c "$dir/homeserver.yaml" -c "$dir/ours.yaml" >"$dir/out" 2>&1 &
  echo $! >"$dir/pid"
  for _ in $(seq 600); do
    if answers "$1"; then break; fi
    sleep 0.1
  done
  answers "$1" || { echo "synapse.sh: Synapse does not answer:" >&2; tail -n 20 "$dir/out" >&2; exit 1; }
  [ -n "${new:-}" ] || return 0
  for user in log-monitor soc; do
    "$python" -m synapse._scripts.register_new_matrix_user -c "$dir/homeserver.yaml" -u "$user" -p s3cret --no-admin \
      "http://127.0.0.1:$1" >"$dir/registered" 2>&1 || { cat "$dir/registered" >&2; exit 1; }
  done
}

case $1 in
  start) [ $# = 3 ] || usage; start "$3" ;;
  stop) stop ;;
  *) usage ;;
esac
