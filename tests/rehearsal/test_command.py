from __future__ import annotations

import io
import os
import socket
import sys
from datetime import date
from pathlib import Path

import pytest
from django.core.management.base import CommandError

from tests.commands.calling import called
from trialmgr.demo_environment import FOLDER, PASSWORD
from trialmgr.overview import demo as served
from trialmgr.overview.management.commands import trial
from trialmgr.overview.rehearsal.cast import Cast
from trialmgr.overview.rehearsal.trial import Progress

pytestmark = pytest.mark.on_both  # the demo runs on SQLite


class Screen(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.mark.usefixtures("demo")
def test_a_rehearsal_answers_with_counts_and_a_fingerprint(capsys: pytest.CaptureFixture[str]) -> None:
    found = called("trial", "rehearse", "--participants", "1", "--seed", "9", "--json")
    assert found.code == 0
    assert (found.answer["participants"], found.answer["seed"]) == (1, 9)
    assert len(found.answer["fingerprint"]) == 64
    assert "rehearsing 20" in capsys.readouterr().err


def test_outside_a_demo_it_says_how_to_go_on(db: None) -> None:
    found = called("trial", "rehearse", "--participants", "1")
    assert found.code == 1
    assert "TRIALMGR_DEMO=1" in found.err


@pytest.mark.parametrize("number", ["0", "many"])
def test_a_rehearsal_needs_somebody(number: str) -> None:
    with pytest.raises(CommandError, match="--participants"):
        called("trial", "rehearse", "--participants", number)


def test_a_terminal_gets_a_bar_and_anything_else_a_line_a_quarter() -> None:
    days = [date(2025, 1, 1), date(2025, 2, 1), date(2025, 5, 1)]
    steps = [Progress(day, days[0], days[-1], number, 0) for number, day in enumerate(days)]
    screen, file = Screen(), io.StringIO()
    for stream in (screen, file):
        with trial.progress(stream) as report:
            for step in steps:
                report(step)
    assert "2025-05: 2 registered" in screen.getvalue()
    assert file.getvalue().splitlines() == [
        "rehearsing 2025 quarter 1: 0 registered, 0 finished",
        "rehearsing 2025 quarter 2: 2 registered, 0 finished",
    ]


@pytest.fixture
def place(demo: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The demo's own folder, its password, and nothing of it done in earnest but the rehearsal's call."""
    monkeypatch.setenv(FOLDER, str(tmp_path))
    monkeypatch.setenv(PASSWORD, "demo-password")
    monkeypatch.setattr(served, "call_command", lambda *_arguments, **_options: None)
    monkeypatch.setattr(served, "connection", Closed())
    return tmp_path


class Closed:
    def close(self) -> None:
        """The tests keep their own connection."""


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, object]]:
    found: list[dict[str, object]] = []
    monkeypatch.setattr(served, "rehearse", lambda **given: found.append(given))
    return found


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """What would have taken the place of this process."""
    found: list[list[str]] = []
    monkeypatch.setattr(os, "execv", lambda _program, command: found.append(command))
    return found


def test_the_first_start_rehearses_and_the_second_uses_it_again(
    place: Path,
    cast: Cast,
    asked: list[dict[str, object]],
    started: list[list[str]],
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert called("trial", "demo", "--port", "0", "--participants", "3").code == 0
    assert (asked[0]["participants"], asked[0]["ongoing"], asked[0]["password"]) == (3, True, "demo-password")
    first = capsys.readouterr().out
    assert "inventing 3 participants" in first
    assert "rater-umcg" in first
    assert "demo-password" in first
    called("trial", "demo", "--port", "0")
    assert "rehearsed before" in capsys.readouterr().out
    called("trial", "demo", "--port", "0", "--fresh")
    assert [each["study"] for each in asked] == [None, None]
    called("trial", "demo", "--port", "0", "--study", "iv_maintenance")
    assert asked[-1]["study"] == "iv_maintenance", "another study begins anew"
    called("trial", "demo", "--port", "0")
    assert len(asked) == 3
    assert started[0][:4] == [sys.executable, "-m", "gunicorn", "trialmgr.wsgi:application"]


def test_a_port_in_use_is_refused(place: Path, started: list[list[str]]) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as taken:
        taken.bind((served.HOST, 0))
        taken.listen()
        found = called("trial", "demo", "--port", str(taken.getsockname()[1]))
    assert (found.code, started) == (1, [])
    assert "choose another" in found.err


def test_the_demo_never_starts_in_the_environment_of_a_trial(db: None, started: list[list[str]]) -> None:
    found = called("trial", "demo")
    assert (found.code, started) == (1, [])
    assert "python manage.py trial demo" in found.err


@pytest.mark.parametrize(("given", "port"), [("8123", 8123), ("", 8000), ("high", 8000)])
def test_the_port_may_come_from_the_environment(given: str, port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", given)
    assert served.port() == port
