#!/usr/bin/env bash
# A throw-away PostgreSQL cluster for the tests, on loopback and a free port:
#   postgres.sh start DIR    makes the cluster in DIR and starts it
#   postgres.sh url DIR      prints its address for DATABASE_URL
#   postgres.sh stop DIR     ends it, by the process id it wrote down, and removes the cluster
# Durability is off: nothing in it is meant to outlive the test run.
set -euo pipefail
usage="usage: postgres.sh start|url|stop DIR"
act="${1:?$usage}"
dir="${2:?$usage}"
database=trialmgr

binaries() {
    local found
    found="$(compgen -G '/usr/lib/postgresql/*/bin/initdb' | sort -V | tail -n 1)" || true
    found="${found:-$(readlink -f "$(command -v initdb || true)")}" || true
    [ -n "$found" ] || { echo "postgres.sh: no initdb found; install postgresql" >&2; exit 1; }
    dirname "$found"
}

# The server refuses to run as root.
as_postgres() {
    if [ "$(id -u)" = 0 ]; then (cd / && runuser -u postgres -- "$@"); else "$@"; fi
}

free_port() {
    python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

start_on() {
    local settings="-c listen_addresses=127.0.0.1 -c port=$1 -c unix_socket_directories= -c fsync=off"
    settings+=" -c synchronous_commit=off -c full_page_writes=off"
    # Small tables without statistics look costly, and compiling a query for them takes longer than running it.
    settings+=" -c jit=off -c wal_level=minimal -c max_wal_senders=0"
    as_postgres "$bin/pg_ctl" start --silent --wait --timeout 60 -D "$dir/data" -l "$dir/log" -o "$settings" >/dev/null
}

case "$act" in
start)
    bin="$(binaries)"
    mkdir -p "$dir"
    dir="$(cd "$dir" && pwd)"
    (umask 077 && python3 -c 'import secrets; print(secrets.token_hex(16))' >"$dir/password")
    if [ "$(id -u)" = 0 ]; then chown -R postgres "$dir"; fi
    as_postgres "$bin/initdb" -D "$dir/data" -U postgres --auth=scram-sha-256 --pwfile="$dir/password" \
        --encoding=UTF8 --locale=C.UTF-8 --no-sync >"$dir/initdb.log"
    for attempt in 1 2 3; do
        port="$(free_port)"
        if start_on "$port"; then
            echo "$port" >"$dir/port"
            PGPASSWORD="$(cat "$dir/password")" "$bin/createdb" -h 127.0.0.1 -p "$port" -U postgres "$database"
            exit 0
        fi
    done
    echo "postgres.sh: the server did not start; its log:" >&2
    cat "$dir/log" >&2
    exit 1
    ;;
url)
    echo "postgres://postgres:$(cat "$dir/password")@127.0.0.1:$(cat "$dir/port")/$database"
    ;;
stop)
    bin="$(binaries)"
    if [ -f "$dir/data/postmaster.pid" ]; then
        as_postgres "$bin/pg_ctl" stop --silent -D "$(cd "$dir" && pwd)/data" -m immediate >/dev/null
    fi
    rm -rf "$dir/data" "$dir/port" "$dir/password"
    ;;
*)
    echo "$usage" >&2
    exit 2
    ;;
esac
