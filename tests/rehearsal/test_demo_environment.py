from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from trialmgr import demo_environment

pytestmark = pytest.mark.on_both  # the demo runs on SQLite


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is set here is set back."""
    monkeypatch.setattr(os, "environ", {"DATABASE_URL": "postgresql://a-real-trial", "TRIALMGR_DEMO": "0"})


def test_only_the_demo_gets_an_environment_of_its_own() -> None:
    assert demo_environment.is_wanted(["manage.py", "trial", "demo", "--port", "1"])
    assert not demo_environment.is_wanted(["manage.py", "trial", "rehearse"])
    assert not demo_environment.is_wanted(["manage.py"])


def test_the_database_of_an_installation_is_never_opened(tmp_path: Path) -> None:
    demo_environment.enter(tmp_path)
    assert os.environ["DATABASE_URL"] == f"sqlite:///{tmp_path}/var/demo/trialmgr.sqlite3"
    assert os.environ["TRIALMGR_DEMO"] == "1"


def test_the_keys_are_made_once_and_are_the_owners_alone(tmp_path: Path) -> None:
    demo_environment.enter(tmp_path)
    first = dict(os.environ)
    demo_environment.enter(tmp_path)
    assert dict(os.environ) == first
    assert len(first["TRIALMGR_SECRET_KEY"]) >= 40
    assert stat.S_IMODE((tmp_path / "var/demo/secrets.env").stat().st_mode) == 0o600
