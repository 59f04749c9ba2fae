#!/usr/bin/env bash
# Makes .venv from the locked requirements: environment.sh base|dev
# base: what the application runs on; dev: that and the tools that check it.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
wanted="${1:?usage: environment.sh base|dev}"
lock="requirements/$wanted.txt"

say() { echo "==> environment: $*"; }
fail() { echo "==> environment: $*" >&2; exit 1; }
is_311() { "$1" -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' >/dev/null 2>&1; }
stamp_of() { echo ".venv/.installed-$1"; }
sum_of() { sha256sum "requirements/$1.txt" | cut -d' ' -f1; }
is_installed() { [ -f "$(stamp_of "$1")" ] && [ "$(cat "$(stamp_of "$1")")" = "$(sum_of "$1")" ]; }

find_python() {
    local candidate
    for candidate in ${PYTHON311:-} python3.11 /usr/bin/python3.11 python3; do
        if is_311 "$candidate"; then echo "$candidate"; return; fi
    done
    fail "Python 3.11 is not on this machine (looked for python3.11 and python3).
    Debian 12: apt-get install python3.11 python3.11-venv
    Elsewhere: name it yourself, as in  PYTHON311=/path/to/python3.11 make env"
}

need_venv_module() {
    if "$1" -c 'import ensurepip, venv' >/dev/null 2>&1; then return; fi
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        say "$1 cannot make environments yet; installing python3.11-venv"
        export DEBIAN_FRONTEND=noninteractive
        apt-get update -q
        apt-get install -y -q --no-install-recommends python3.11-venv
    else
        fail "$1 lacks the venv module. Debian 12: sudo apt-get install python3.11-venv"
    fi
}

make_venv() {
    local python
    python="$(find_python)"
    need_venv_module "$python"
    say "making .venv with $("$python" --version)"
    "$python" -m venv --clear .venv
}

if [ -x .venv/bin/python ] && is_311 .venv/bin/python; then
    # dev holds all of base, in the same versions (a test keeps the two lists agreed)
    if is_installed "$wanted" || { [ "$wanted" = base ] && is_installed dev; }; then
        say ".venv is up to date with $lock"
        exit 0
    fi
else
    make_venv
fi

say "installing $(grep -c '^[a-z].*==' "$lock") packages from $lock, each checked against its hash (the first time takes minutes)"
.venv/bin/python -m pip install --require-hashes --no-input --disable-pip-version-check --progress-bar off -r "$lock"
.venv/bin/python -m pip check
sum_of "$wanted" >"$(stamp_of "$wanted")"
say ".venv is ready"
