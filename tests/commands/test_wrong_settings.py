"""A setting that is wanting or wrong is named in one line, whatever command was given."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"TRIALMGR_SECRET_KEY": ""}, "TRIALMGR_SECRET_KEY is not set."),
        ({"DATABASE_URL": "trial.sqlite3"}, "DATABASE_URL is no address of SQLite"),
        ({"DATABASE_URL": "mysql://owner:a-secret@host/trial"}, "DATABASE_URL is no address of SQLite"),
        ({"DATABASE_URL": "postgresql://owner:a-secret@host:port/trial"}, "DATABASE_URL is no address of SQLite"),
    ],
)
def test_a_wrong_setting_is_named_without_a_traceback_and_without_its_secret(
    settings: dict[str, str], named: str
) -> None:
    sound = {"TRIALMGR_SECRET_KEY": "a key", "DJANGO_SETTINGS_MODULE": "trialmgr.settings"}
    ended = subprocess.run(
        [sys.executable, "manage.py", "study", "check", "reset_trd"],
        cwd=ROOT,
        env=os.environ | sound | settings,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 1
    assert ended.stdout == ""
    assert ended.stderr.startswith(named)
    assert ended.stderr.count("\n") == 1
    assert "a-secret" not in ended.stderr
