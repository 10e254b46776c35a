#!/usr/bin/env bash
# A real rsyslog on loopback: UDP and TCP on PORT, TLS on PORT+1 (its authority: DIR/ca.pem). What it takes it writes,
# parsed, as a line of JSON each into DIR/messages.
#
#   tests/real/rsyslog.sh start DIR PORT      makes certificates (once) and configuration, runs until it is ready
#   tests/real/rsyslog.sh stop DIR
set -euo pipefail

usage() { echo "usage: rsyslog.sh start DIR PORT | stop DIR" >&2; exit 2; }
[ $# -ge 2 ] || usage
dir=$(realpath -m "$2")
rsyslog=$(command -v rsyslogd || echo /usr/sbin/rsyslogd)

# The recorded process, if it is still rsyslog with this folder's configuration: numbers are used again.
running() {
  [ -f "$dir/pid" ] && tr '\0' ' ' <"/proc/$(cat "$dir/pid")/cmdline" 2>/dev/null | grep -qF "$dir/rsyslog.conf"
}

stop() {
  if running; then kill "$(cat "$dir/pid")"; fi
  for _ in $(seq 100); do
    running || break
    sleep 0.1
  done
  ! running || { echo "rsyslog.sh: process $(cat "$dir/pid") does not end" >&2; exit 1; }
  rm -f "$dir/pid"
}

certificates() {
  [ -f "$dir/ca.pem" ] && return
  openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj "/CN=rsyslog test CA" \
    -keyout "$dir/ca.key" -out "$dir/ca.pem" 2>/dev/null
  openssl req -newkey rsa:2048 -nodes -subj "/CN=127.0.0.1" -keyout "$dir/srv.key" -out "$dir/srv.csr" 2>/dev/null
  printf 'subjectAltName=IP:127.0.0.1,DNS:localhost\n' >"$dir/san"
  openssl x509 -req -in "$dir/srv.csr" -CA "$dir/ca.pem" -CAkey "$dir/ca.key" -CAcreateserial -days 30 \
    -extfile "$dir/san" -out "$dir/srv.pem" 2>/dev/null
}

configuration() {
  cat >"$dir/rsyslog.conf" <<CONF
global(workDirectory="$dir" maxMessageSize="16k" defaultNetstreamDriverCAFile="$dir/ca.pem"
  defaultNetstreamDriverCertFile="$dir/srv.pem" defaultNetstreamDriverKeyFile="$dir/srv.key")
module(load="imudp")
module(load="imtcp")
module(load="mmpstrucdata")
input(type="imudp" address="127.0.0.1" port="$1")
input(type="imtcp" address="127.0.0.1" port="$1")
input(type="imtcp" address="127.0.0.1" port="$(($1 + 1))" streamDriver.name="gtls" streamDriver.mode="1"
  streamDriver.authMode="anon")
template(name="time" type="string" string="%timereported:::date-rfc3339%")
action(type="mmpstrucdata")
set \$!pri = \$pri;
set \$!time = exec_template("time");
set \$!hostname = \$hostname;
set \$!app = \$app-name;
set \$!msgid = \$msgid;
set \$!msg = \$msg;
template(name="json" type="string" string="%\$!all-json%\n")
action(type="omfile" file="$dir/messages" template="json")
CONF
}

start() {
  [ -x "$rsyslog" ] || { echo "rsyslog.sh: needs rsyslogd (Debian: rsyslog, rsyslog-gnutls)" >&2; exit 1; }
  command -v openssl >/dev/null || { echo "rsyslog.sh: needs openssl" >&2; exit 1; }
  mkdir -p "$dir"
  stop
  certificates
  configuration "$1"
  "$rsyslog" -n -f "$dir/rsyslog.conf" -i "$dir/rsyslog.pid" >"$dir/out" 2>&1 &
  echo $! >"$dir/pid"
  for _ in $(seq 100); do
    if (exec 3<>"/dev/tcp/127.0.0.1/$1" 4<>"/dev/tcp/127.0.0.1/$(($1 + 1))") 2>/dev/null; then return; fi
    sleep 0.1
  done
  echo "rsyslog.sh: rsyslog does not listen:" >&2
  cat "$dir/out" >&2
  exit 1
}

case $1 in
  start) [ $# = 3 ] || usage; start "$3" ;;
  stop) stop ;;
  *) usage ;;
esac
