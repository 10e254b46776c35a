#!/usr/bin/env bash
# A real Prometheus Alertmanager on loopback, which posts every alert by itself to HOOK, its end too.
#
#   tests/real/alertmanager.sh start DIR PORT HOOK      runs until it is ready
#   tests/real/alertmanager.sh stop DIR
set -euo pipefail

usage() { echo "usage: alertmanager.sh start DIR PORT HOOK | stop DIR" >&2; exit 2; }
[ $# -ge 2 ] || usage
dir=$(realpath -m "$2")

# The recorded process, if it is still Alertmanager with this folder's configuration: numbers are used again.
running() {
  [ -f "$dir/pid" ] && tr '\0' ' ' <"/proc/$(cat "$dir/pid")/cmdline" 2>/dev/null | grep -qF "$dir/am.yml"
}

stop() {
  if running; then kill "$(cat "$dir/pid")"; fi
  for _ in $(seq 100); do
    running || break
    sleep 0.1
  done
  ! running || { echo "alertmanager.sh: process $(cat "$dir/pid") does not end" >&2; exit 1; }
  rm -f "$dir/pid"
}

start() {
  alertmanager=$(command -v prometheus-alertmanager || command -v alertmanager) ||
    { echo "alertmanager.sh: needs Alertmanager (Debian: prometheus-alertmanager)" >&2; exit 1; }
  mkdir -p "$dir"
  stop
  cat >"$dir/am.yml" <<CONF
route: {receiver: hook, group_by: ['...'], group_wait: 0s, group_interval: 1s, repeat_interval: 1h}
receivers: [{name: hook, webhook_configs: [{url: '$2', send_resolved: true}]}]
CONF
  # Without an empty cluster address it would listen to gossip on every address of the machine.
  "$alertmanager" --config.file="$dir/am.yml" --storage.path="$dir/data" --web.listen-address="127.0.0.1:$1" \
    --cluster.listen-address= >"$dir/out" 2>&1 &
  echo $! >"$dir/pid"
  for _ in $(seq 100); do
    if curl -sf "http://127.0.0.1:$1/-/ready" >/dev/null; then return; fi
    sleep 0.1
  done
  echo "alertmanager.sh: Alertmanager does not listen:" >&2
  cat "$dir/out" >&2
  exit 1
}

case $1 in
  start) [ $# = 4 ] || usage; start "$3" "$4" ;;
  stop) stop ;;
  *) usage ;;
esac
