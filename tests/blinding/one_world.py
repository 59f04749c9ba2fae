"""One world, built and read to its end: ``python -m tests.blinding.one_world ARMS MOMENT FOLDER`` (arms with commas).

Prints as JSON what every blinded reader was told: of each answer its status and the digest of the rest, under which the
whole text stands in FOLDER. ``prepare`` alone puts study and people there, once for both worlds.
"""

from __future__ import annotations

import datetime
import gc
import hashlib
import json
import logging
import sys
from pathlib import Path
from typing import Any

import django

django.setup()

import time_machine  # noqa: E402  Django is set up first
from django.conf import settings  # noqa: E402
from django.db import transaction  # noqa: E402

from tests.blinding.reader import BLINDED, Reader, echo_free, guesses  # noqa: E402
from tests.blinding.words import arm_words  # noqa: E402
from tests.blinding.worlds import build  # noqa: E402
from tests.conftest import PASSWORD  # noqa: E402
from tests.fewer_forms import of_this_size  # noqa: E402
from tests.sizes import size  # noqa: E402
from trialmgr.overview.rehearsal.cast import set_up, standing_cast  # noqa: E402
from trialmgr.people.models import User  # noqa: E402
from trialmgr.people.permissions import Role  # noqa: E402
from trialmgr.protocol.model import StudyDefinition  # noqa: E402
from trialmgr.studies.queries import current_definition  # noqa: E402

START = ("/", "/api/schema/", "/api/v1/participants/", "/api/v1/queries/", "/api/v1/study/")
A_FEW = size(3, 12)
LANGUAGES = size(("nl",), ("nl", "en"))


def prepare() -> dict[str, Any]:
    set_up(of_this_size(), password=PASSWORD, seed=None)
    return {}


def read_everything(arms: tuple[str, ...]) -> dict[Role, Reader]:
    """The rater, who works with participants, asks everything; the others, who meet none, each address a few times."""
    cast = standing_cast()
    numbers = [person.number for person in build(cast, arms)]
    people = list(User.objects.values_list("username", flat=True))
    everything = guesses(current_definition(), numbers, people)
    some = {name: urls[:A_FEW] for name, urls in everything.items()}
    return {role: _read(cast.at("UMCG", role), everything if role is Role.RATER else some, some) for role in BLINDED}


def _read(user: User, guessed: dict[str, list[str]], pressed: dict[str, list[str]]) -> Reader:
    reader = Reader.signed_in(user)
    for language in LANGUAGES:
        reader.crawl(START, language)
    reader.guess(guessed)
    reader.press(pressed)
    return reader


def told(reader: Reader, definition: StudyDefinition, folder: Path) -> dict[str, Any]:
    """``traces``: questions whose answer names an arm, with the name."""
    words, answers, traces = arm_words(definition), [], []
    for asked, answer in reader.answers.items():
        digest = hashlib.sha256(answer.whole.encode()).hexdigest()
        (folder / digest).write_text(answer.whole, "utf-8")
        answers.append([*asked, answer.status, digest])
        if found := words.search(echo_free(asked[2], answer.whole)):
            traces.append([*asked, found.group()])
    return {"crawled": reader.crawled, "answers": answers, "traces": traces}


def main(arms: str, moment: str, folder: str) -> dict[str, Any]:
    logging.disable(logging.ERROR)  # every refusal is a line in the log, and there are thousands
    settings.ALLOWED_HOSTS.append("testserver")
    gc.freeze()
    with time_machine.travel(datetime.datetime.fromisoformat(moment), tick=False), transaction.atomic():
        readers = read_everything(tuple(arms.split(",")))
    definition = current_definition()
    return {role.value: told(reader, definition, Path(folder)) for role, reader in readers.items()}


if __name__ == "__main__":
    print(json.dumps(prepare() if sys.argv[1] == "prepare" else main(*sys.argv[1:])))
