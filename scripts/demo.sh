#!/usr/bin/env bash
# Serves the rehearsed trial of the demo: its own keys and database under var/demo, nothing shared with a real trial.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
exec .venv/bin/python manage.py trial demo --port "${PORT:-8000}"
