#!/usr/bin/env bash
# Everything that must hold, from nothing: the environment, the programs the tests need, then every check.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
bash scripts/environment.sh dev
bash scripts/provision.sh chromium postgresql
exec .venv/bin/python scripts/checks.py "${@:-all}"
