"""The guide for building a study, walked as it stands: its files written, its commands given, their answers read."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from django.conf import settings

from tests.commands.calling import called
from tests.conftest import PASSWORD
from tests.installation import installation
from trialmgr.protocol.evaluation import evaluate_entry
from trialmgr.protocol.loader import load_study

GUIDE = settings.BASE_DIR / "docs/build-a-study.md"
FOLDER = "alcohol_study"
_BLOCK = re.compile(
    r"^```yaml (?P<written>\S+)\n(?P<text>.*?)^```|^```fix (?P<mended>\S+)\n(?P<lines>.*?)^```", re.S | re.M
)
_COMMAND = re.compile(r"^    \$ (?P<command>.+)\n(?P<answer>(?:    (?!\$ ).*\n)*)", re.M)
_NEEDS_PEOPLE = ("publish", "approve")


@dataclass(frozen=True)
class Step:
    """``file`` and ``text`` to write, or to replace the first of two lines by the other; or a ``command``."""

    at: int
    file: str = ""
    text: str = ""
    is_fix: bool = False
    command: str = ""
    answer: tuple[str, ...] = ()


def steps() -> list[Step]:
    guide = GUIDE.read_text("utf-8")
    return sorted([*_files(guide), *_commands(guide)], key=lambda step: step.at)


def _files(guide: str) -> Iterator[Step]:
    for found in _BLOCK.finditer(guide):
        if found["written"]:
            yield Step(found.start(), found["written"], found["text"])
        else:
            yield Step(found.start(), found["mended"], found["lines"], is_fix=True)


def _commands(guide: str) -> Iterator[Step]:
    for found in _COMMAND.finditer(guide):
        answer = tuple(line.strip() for line in found["answer"].splitlines() if line.strip())
        yield Step(found.start(), command=found["command"], answer=answer)


def walk(step: Step) -> str:
    """What the command said; "" for a file."""
    if not step.command:
        _write(Path(FOLDER) / step.file, step)
        return ""
    _python, _manage, *words = shlex.split(step.command)
    if words[1] in _NEEDS_PEOPLE:
        return ""
    told = called(*words)
    return told.out + told.err


def _write(path: Path, step: Step) -> None:
    if not step.is_fix:
        path.write_text(step.text, "utf-8")
        return
    old, _line, new = step.text.partition("\n")
    stands = path.read_text("utf-8")
    assert stands.count(old) == 1, (path, old)
    path.write_text(stands.replace(old, new.rstrip("\n")), "utf-8")


@pytest.fixture
def walked(db: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[tuple[Step, str]]:
    monkeypatch.chdir(tmp_path)
    return [(step, walk(step)) for step in steps()]


def test_every_command_answers_what_the_guide_says(walked: list[tuple[Step, str]]) -> None:
    told = [(step.command, line, said) for step, said in walked if said for line in step.answer if line not in said]
    assert told == []
    assert len([said for _step, said in walked if said]) >= 5


@pytest.mark.usefixtures("walked")
def test_the_form_of_the_guide_has_twenty_questions_that_skip_and_score() -> None:
    study = load_study(Path(FOLDER))
    form = study.form("lifestyle")
    assert len(form.items) == 20
    answers = {"smokes": "never", "height_cm": "180", "weight_kg": "81", "sleep_hours": "7"}
    answers |= {f"audit_{number}": "2" for number in range(1, 11)}
    judged = evaluate_entry(study, form, answers, {}, lambda *_place: None)
    assert judged.is_complete
    assert judged.skipped == {"cigarettes", "smoked_years", "stopped_on"}
    assert (judged.values["audit_total"], judged.values["bmi"]) == ("20", "25.0")
    assert [warning.check_key for warning in judged.warnings] == ["drinks_much"]


@pytest.mark.slow
@pytest.mark.usefixtures("walked")
def test_the_study_of_the_guide_is_put_in_force_by_two_people_in_an_empty_installation(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The commands of its last section. One of the two holds a role that the new study does not name."""
    monkeypatch.setenv("TRIALMGR_NEW_PASSWORD", PASSWORD)
    people = {"dirk": "data_manager", "ulla": "unblinded_statistician"}
    commands = [shlex.split(step.command)[1:] for step in steps() if step.command]
    last = [command for command in commands if command[2] in _NEEDS_PEOPLE]
    named = dict(zip(("USERNAME", "SOMEBODY_ELSE"), people, strict=True)) | {FOLDER: str(tmp_path / FOLDER)}
    with installation(tmp_path) as site:
        site.run("manage.py", "people", "create-administrator", "anna", *_account("Anna"), "--no-input")
        for username, role in people.items():
            site.run("manage.py", "people", "create", username, *_account(username), "--no-input", "--as", "anna")
            site.run("manage.py", "people", "grant", username, role, "--as", "anna")
        assert [command[2] for command in last] == list(_NEEDS_PEOPLE)
        for command in last:
            site.run(*(named.get(word, word) for word in command))
        assert "Alcohol and mood" in site.run("manage.py", "study", "show")
        site.run("-m", "tests.commands.first_page")


def _account(first_name: str) -> tuple[str, ...]:
    return "--first-name", first_name, "--last-name", "Voorbeeld", "--email", f"{first_name.lower()}@example.org"


def test_a_study_without_a_name_is_not_begun(db: None, tmp_path: Path) -> None:
    told = called("study", "new", str(tmp_path / "new"), "--title", "!!")
    assert told.code == 1
    assert "name the study" in told.err
    assert not (tmp_path / "new").exists()
