#!/usr/bin/env bash
# A real exim4 on loopback: STARTTLS and AUTH on PORT, TLS from the start on PORT+1, mail into DIR/mail/box.
# User lm, password s3cret. defer@… is answered 451, deny@… 550, everybody else is taken.
#
#   tests/real/exim.sh start DIR PORT      makes certificates (once) and configuration, runs until it is ready
#   tests/real/exim.sh stop DIR
set -euo pipefail

usage() { echo "usage: exim.sh start DIR PORT | stop DIR" >&2; exit 2; }
[ $# -ge 2 ] || usage
dir=$(realpath -m "$2")
exim=$(command -v exim4 || echo /usr/sbin/exim4)

# The recorded process, if it is still exim with this folder's configuration: numbers are used again.
running() {
  [ -f "$dir/pid" ] && tr '\0' ' ' <"/proc/$(cat "$dir/pid")/cmdline" 2>/dev/null | grep -qF "$dir/exim.conf"
}

stop() {
  if running; then kill "$(cat "$dir/pid")"; fi
  for _ in $(seq 100); do
    running || break
    sleep 0.1
  done
  ! running || { echo "exim.sh: process $(cat "$dir/pid") does not end" >&2; exit 1; }
  rm -f "$dir/pid"
}

certificates() {
  [ -f "$dir/ca.pem" ] && return
  openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj "/CN=exim test CA" \
    -keyout "$dir/ca.key" -out "$dir/ca.pem" 2>/dev/null
  openssl req -newkey rsa:2048 -nodes -subj "/CN=127.0.0.1" -keyout "$dir/srv.key" -out "$dir/srv.csr" 2>/dev/null
  printf 'subjectAltName=IP:127.0.0.1,DNS:localhost\n' >"$dir/san"
  openssl x509 -req -in "$dir/srv.csr" -CA "$dir/ca.pem" -CAkey "$dir/ca.key" -CAcreateserial -days 30 \
    -extfile "$dir/san" -out "$dir/srv.pem" 2>/dev/null
}

configuration() {
  cat >"$dir/exim.conf" <<CONF
keep_environment =
primary_hostname = localhost
spool_directory = $dir/spool
log_file_path = $dir/log.%s
pid_file_path = $dir/exim.pid
tls_advertise_hosts = *
tls_certificate = $dir/srv.pem
tls_privatekey = $dir/srv.key
local_interfaces = 127.0.0.1
daemon_smtp_ports = $1 : $(($1 + 1))
tls_on_connect_ports = $(($1 + 1))
acl_smtp_rcpt = rcpt
acl_smtp_data = data
auth_advertise_hosts = \${if eq{\$tls_in_cipher}{}{}{*}}
begin acl
rcpt:
  deny !authenticated = *
       message = authentication required
  defer local_parts = defer
        message = try again later
  deny local_parts = deny
       message = no such mailbox
  accept
data:
  accept
begin routers
all:
  driver = accept
  transport = box
begin transports
box:
  driver = appendfile
  file = $dir/mail/box
  user = $user
begin authenticators
plain:
  driver = plaintext
  public_name = PLAIN
  server_prompts = :
  server_condition = \${if and{{eq{\$auth2}{lm}}{eq{\$auth3}{s3cret}}}}
  server_set_id = \$auth2
CONF
}

start() {
  [ -x "$exim" ] || { echo "exim.sh: needs exim4 (Debian: exim4-daemon-light)" >&2; exit 1; }
  command -v openssl >/dev/null || { echo "exim.sh: needs openssl" >&2; exit 1; }
  user=Debian-exim
  id "$user" >/dev/null 2>&1 || user=$(id -un)
  mkdir -p "$dir/mail" "$dir/spool"
  stop
  certificates
  configuration "$1"
  chmod 755 "$dir"
  if [ "$(id -u)" = 0 ]; then
    chown -R "$user" "$dir"
    chown root "$dir/exim.conf"
  fi
  "$exim" -C "$dir/exim.conf" -bdf -q30s >"$dir/out" 2>&1 &
  echo $! >"$dir/pid"
  for _ in $(seq 100); do
    if (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; then return; fi
    sleep 0.1
  done
  echo "exim.sh: exim does not listen:" >&2
  cat "$dir/out" "$dir"/log.* >&2 || true
  exit 1
}

case $1 in
  start) [ $# = 3 ] || usage; start "$3" ;;
  stop) stop ;;
  *) usage ;;
esac
