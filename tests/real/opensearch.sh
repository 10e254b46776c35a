#!/bin/sh
# A real OpenSearch with TLS and users on loopback, for tests; or another engine without them.
#
#   opensearch.sh start DIR [PORT [ENGINE]]   installs it into DIR if need be, starts it, waits until
#                                             it answers, prints how to reach it as KEY=VALUE (also
#                                             in DIR/env)
#   opensearch.sh stop DIR                    stops it; DIR stays
#
# Starting what runs, and stopping what does not, is no error. The transport port is PORT + 100.
# Users: `admin` may do anything, `reader` may read wazuh-*, `nobody` has no role at all.
# ENGINE is such as elasticsearch-7.10.2 or opensearch-3.2.0: plain http, and no users.
set -eu

secured=opensearch-2.19.4
security=org.opensearch.plugin:opensearch-security:2.19.4.0:zip

fail() {
    echo "opensearch.sh: $*" >&2
    exit 1
}

usage() {
    fail "usage: opensearch.sh start DIR [PORT [ENGINE]] | stop DIR"
}

# OpenSearch refuses to run as root.
as_user() {
    if [ "$(id -u)" -eq 0 ]; then
        setpriv --reuid=65534 --regid=65534 --clear-groups "$@"
    else
        "$@"
    fi
}

need() {
    missing=
    for program in mvn java openssl unzip bash curl setpriv; do
        command -v "$program" >/dev/null || missing="$missing $program"
    done
    [ -z "$missing" ] || fail "these programs are missing:$missing"
}

is_secured() {
    [ "$engine" = "$secured" ]
}

# A folder with a Java of a version that the engine runs on: before OpenSearch 2 it must still have a
# security manager, and 3 wants 21.
java_home() {
    case $engine in
        elasticsearch-7.* | opensearch-1.*) least=11 most=17 ;;
        opensearch-2.*) least=11 most=23 ;;
        *) least=21 most=99 ;;
    esac
    for java in "$(command -v java)" /usr/lib/jvm/*/bin/java; do
        found=$("$java" -version 2>&1 | sed -n 's/.* version "\([0-9]*\).*/\1/p') || continue
        if [ "${found:-0}" -ge "$least" ] && [ "$found" -le "$most" ]; then
            dirname "$(dirname "$(readlink -f "$java")")"
            return
        fi
    done
    fail "$engine needs Java $least to $most: none is in the PATH or in /usr/lib/jvm"
}

runs() {
    [ -s "$dir/pid" ] && kill -0 "$(cat "$dir/pid")" 2>/dev/null
}

# --- installing ---------------------------------------------------------------------------------

fetch() {
    mvn -q -B dependency:copy -Dartifact="$1" -DoutputDirectory="$dir/zip" >&2 || fail "cannot fetch $1"
}

install_node() {
    [ "$(cat "$dir/installed" 2>/dev/null)" != "$engine" ] || return 0
    rm -rf "$dir/node" "$dir/unzipped" "$dir/installed"
    fetch "org.$product.distribution.integ-test-zip:$product:${engine#*-}:zip"
    unzip -q "$dir/zip/$engine.zip" -d "$dir/unzipped"
    mv "$dir/unzipped/$engine" "$dir/node"
    if is_secured; then
        fetch "$security"
        unzip -q "$dir/zip/opensearch-security-"*.zip -d "$dir/node/plugins/opensearch-security"
        certificates
        security_configuration
    fi
    rm -r "$dir/zip" "$dir/unzipped"
    echo "$engine" >"$dir/installed"
}

# make_certificate NAME SUBJECT [EXTENSION]
make_certificate() {
    openssl req -newkey rsa:2048 -nodes -keyout "$certs/$1.key" -out "$certs/$1.csr" -subj "$2" 2>/dev/null
    printf '%s\n' "${3:-basicConstraints=CA:FALSE}" >"$certs/$1.ext"
    openssl x509 -req -in "$certs/$1.csr" -CA "$certs/ca.pem" -CAkey "$certs/ca.key" -CAcreateserial \
        -days 3650 -extfile "$certs/$1.ext" -out "$certs/$1.pem" 2>/dev/null
}

# As the Wazuh installer makes them: one root, a node certificate for an address and no host name.
certificates() {
    certs=$dir/node/config/certs
    mkdir -p "$certs"
    openssl req -x509 -newkey rsa:2048 -nodes -days 3650 -keyout "$certs/ca.key" -out "$certs/ca.pem" \
        -subj /O=test/CN=root 2>/dev/null
    make_certificate node /O=test/CN=node subjectAltName=IP:127.0.0.1
    make_certificate admin /O=test/CN=admin
    cp "$certs/ca.pem" "$dir/ca.pem"
}

# user NAME [BACKEND_ROLE]: appends one with a new password, which goes to DIR/passwords.
user() {
    password=$(openssl rand -hex 12)
    hash=$(PASSWORD=$password bash "$dir/node/plugins/opensearch-security/tools/hash.sh" -env PASSWORD |
        grep '^\$2') || fail "cannot hash a password"
    printf '%s=%s\n' "$1" "$password" >>"$dir/passwords"
    printf '%s:\n  hash: "%s"\n' "$1" "$hash"
    [ -z "${2:-}" ] || printf '  backend_roles: ["%s"]\n' "$2"
}

meta() {
    printf '_meta:\n  type: "%s"\n  config_version: 2\n' "$1"
}

security_configuration() {
    target=$dir/node/config/opensearch-security
    mkdir -p "$target"
    cp "$dir/node/plugins/opensearch-security/config/"*.yml "$target/"
    rm -f "$dir/passwords"
    (umask 077 && touch "$dir/passwords")
    {
        meta internalusers
        user admin admin
        user reader
        user nobody
    } >"$target/internal_users.yml"
    {
        meta roles
        cat <<'END'
wazuh_reader:
  cluster_permissions: []
  index_permissions:
  - index_patterns: ["wazuh-*"]
    allowed_actions: ["read"]
END
    } >"$target/roles.yml"
    {
        meta rolesmapping
        printf 'all_access:\n  backend_roles: ["admin"]\nwazuh_reader:\n  users: ["reader"]\n'
    } >"$target/roles_mapping.yml"
}

# --- running ------------------------------------------------------------------------------------

node_configuration() {
    cat >"$dir/node/config/$product.yml" <<END
cluster.name: wazuh-cluster
discovery.type: single-node
network.host: 127.0.0.1
http.port: $port
transport.port: $((port + 100))
cluster.routing.allocation.disk.threshold_enabled: false
END
    is_secured || return 0
    cat >>"$dir/node/config/$product.yml" <<END
# As Wazuh installs it: GET / answers 7.10.2.
compatibility.override_main_response_version: true
plugins.security.ssl.transport.pemcert_filepath: certs/node.pem
plugins.security.ssl.transport.pemkey_filepath: certs/node.key
plugins.security.ssl.transport.pemtrustedcas_filepath: certs/ca.pem
plugins.security.ssl.transport.enforce_hostname_verification: false
plugins.security.ssl.http.enabled: true
plugins.security.ssl.http.pemcert_filepath: certs/node.pem
plugins.security.ssl.http.pemkey_filepath: certs/node.key
plugins.security.ssl.http.pemtrustedcas_filepath: certs/ca.pem
plugins.security.authcz.admin_dn: ["CN=admin,O=test"]
plugins.security.nodes_dn: ["CN=node,O=test"]
plugins.security.allow_default_init_securityindex: true
END
}

password_of() {
    sed -n "s/^$1=//p" "$dir/passwords"
}

# The password goes in by stdin: arguments can be read by everybody on the machine.
answers() {
    if ! is_secured; then
        curl -sf -o /dev/null "http://127.0.0.1:$port/_cluster/health"
        return
    fi
    printf 'user = "admin:%s"\n' "$(password_of admin)" |
        curl -sf -K - --cacert "$dir/ca.pem" -o /dev/null "https://127.0.0.1:$port/_cluster/health"
}

wait_until_ready() {
    tries=0
    until answers; do
        tries=$((tries + 1))
        if [ "$tries" -gt 240 ] || ! kill -0 "$server" 2>/dev/null; then
            tail -n 20 "$dir/log" >&2
            fail "it did not start; the whole log is $dir/log"
        fi
        sleep 0.5
    done
}

start() {
    need
    mkdir -p "$dir"
    dir=$(cd "$dir" && pwd)
    if ! runs; then
        install_node
        node_configuration
        java_home=$(java_home)
        rm -f "$dir/pid"
        touch "$dir/log"
        [ "$(id -u)" -ne 0 ] || chown -R 65534:65534 "$dir"
        # Everything is handed over first, so that nobody waits for our own output to end.
        (
            exec >>"$dir/log" 2>&1 </dev/null
            # It lives for seconds: the better compiler would never pay.
            options='-Xms512m -Xmx512m -XX:TieredStopAtLevel=1'
            as_user env HOME="$dir" JAVA_HOME="$java_home" OPENSEARCH_JAVA_HOME="$java_home" \
                ES_JAVA_OPTS="$options" OPENSEARCH_JAVA_OPTS="$options" \
                "$dir/node/bin/$product" -p "$dir/pid"
        ) &
        server=$!
    else
        server=$(cat "$dir/pid")
        port=$(sed -n 's/^http.port: //p' "$dir/node/config/$product.yml")
    fi
    wait_until_ready
    (umask 077 && how_to_reach_it >"$dir/env")
    cat "$dir/env"
}

how_to_reach_it() {
    if ! is_secured; then
        echo "OPENSEARCH_URL=http://127.0.0.1:$port"
        return
    fi
    cat <<END
OPENSEARCH_URL=https://127.0.0.1:$port
OPENSEARCH_CA=$dir/ca.pem
OPENSEARCH_ADMIN=$(password_of admin)
OPENSEARCH_READER=$(password_of reader)
OPENSEARCH_NOBODY=$(password_of nobody)
END
}

stop() {
    runs || return 0
    kill "$(cat "$dir/pid")"
    tries=0
    while runs; do
        tries=$((tries + 1))
        [ "$tries" -le 60 ] || fail "it does not stop"
        sleep 0.5
    done
}

[ $# -ge 2 ] || usage
dir=$2
port=${3:-19200}
engine=${4:-$secured}
product=${engine%%-*}
case $1 in
    start) start ;;
    stop) stop ;;
    *) usage ;;
esac
