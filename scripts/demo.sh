#!/usr/bin/env bash
# Serves the rehearsed trial of the demo: its own keys and database under var/demo, nothing shared with a real trial.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
folder="$PWD/var/demo"
python=.venv/bin/python
export PORT="${PORT:-8000}"

random_key() {
    "$python" -c 'import base64, secrets; print(base64.urlsafe_b64encode(secrets.token_bytes(32)).decode())'
}

mkdir -p "$folder"
if [ ! -f "$folder/keys" ]; then
    echo "==> demo: making keys in var/demo/keys"
    for name in SECRET LIST CONTACT; do echo "TRIALMGR_${name}_KEY=$(random_key)"; done >"$folder/keys.new"
    chmod 600 "$folder/keys.new"
    mv "$folder/keys.new" "$folder/keys"
fi
set -a
# shellcheck source=/dev/null
. "$folder/keys"
set +a
export TRIALMGR_DEMO=1 TRIALMGR_RELEASES="$folder/releases" DATABASE_URL="sqlite:///$folder/trial.sqlite3"
unset TRIALMGR_HTTPS TRIALMGR_SECOND_FACTOR ALLOWED_HOSTS

echo "==> demo: preparing the rehearsed trial in var/demo; it will be served at http://127.0.0.1:$PORT"
exec "$python" manage.py trial demo
