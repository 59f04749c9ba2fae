#!/usr/bin/env bash
# Sees to the programs the full test run needs: provision.sh [chromium] [postgresql]
# Installs them where it may (root on a machine with apt-get), otherwise says how to go on.
set -euo pipefail

say() { echo "==> provision: $*"; }

has_chromium() {
    [ -x "${CHROMIUM:-/usr/bin/chromium}" ]
}

has_postgresql() {
    command -v initdb >/dev/null || compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null
}

missing=()
for program in "$@"; do
    "has_$program" || missing+=("$program")
done

if [ ${#missing[@]} -eq 0 ]; then
    say "found: $*"
    exit 0
fi

if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    {
        say "missing on this machine: ${missing[*]}"
        echo "    Debian: sudo apt-get install ${missing[*]}"
        echo "    Chromium elsewhere: CHROMIUM=/path/to/chromium make test"
        echo "    Without them: make test-fast (the tests that need only SQLite)"
    } >&2
    exit 1
fi

say "installing ${missing[*]} with apt-get"
export DEBIAN_FRONTEND=noninteractive
packages=("${missing[@]}")
case " ${missing[*]} " in *" chromium "*) packages+=(fonts-liberation) ;; esac
apt-get update -q
apt-get install -y -q --no-install-recommends -o Dpkg::Use-Pty=0 "${packages[@]}"
for program in "${missing[@]}"; do
    "has_$program" || { say "$program is still missing after its installation" >&2; exit 1; }
done
say "ready: $*"
