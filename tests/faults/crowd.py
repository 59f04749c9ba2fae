"""Processes that randomise side by side, are killed and replaced: ``python -m tests.faults.crowd prepare 1000 8``.

One process reads the code once and forks the others, so that a replacement begins at once.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import django

django.setup()

from django.db import connections  # noqa: E402  Django is set up first

from audit.models import LedgerEntry  # noqa: E402
from audit.verification import verify  # noqa: E402
from crf.actions import judge_eligibility, register_participant, save_entry, set_visit_day  # noqa: E402
from randomization.actions import allocate  # noqa: E402
from randomization.models import Allocation, RandomizationList, Stratum  # noqa: E402
from randomization.queries.lists import list_findings  # noqa: E402
from tests.faults.moments import COMMIT, HOLDING, STAGES, WAITING, Board, Death, Request, in_steps  # noqa: E402
from trialmgr.overview.rehearsal.cast import Cast, set_up, standing_cast  # noqa: E402
from trialmgr.participants.actions import record_consent  # noqa: E402
from trialmgr.participants.models import Participant  # noqa: E402
from trialmgr.people.permissions import Role  # noqa: E402
from trialmgr.protocol.loader import load_study  # noqa: E402
from trialmgr.studies.clock import today  # noqa: E402
from trialmgr.studies.queries import current_definition  # noqa: E402

STUDY = Path(__file__).with_name("quick_study")
SITES, ANSWERS = ("AA", "BB"), ("yes", "no")

Answer = list[Any]
"""Arm, stratum, position, and the number of the allocation's own row."""


# --- participants ----------------------------------------------------------------------------------------------------


def prepare(count: str, processes: str) -> dict[str, Any]:
    """Participants of the quick study, ready to be randomised, spread over its strata."""
    cast = set_up(load_study(STUDY), password=None, seed=None)
    shares = [range(slot, int(count), int(processes)) for slot in range(int(processes))]
    children = [forked(partial(make_all_ready, cast, share)) for share in shares]
    assert [os.waitpid(child, 0)[1] for child in children] == [0] * len(children)
    return {"ready": Participant.objects.count()}


def make_all_ready(cast: Cast, share: Sequence[int]) -> None:
    for number in share:
        make_ready(cast, SITES[number % 2], ANSWERS[number // 2 % 2])


def make_ready(cast: Cast, site: str, thirsty: str) -> None:
    coordinator, investigator = cast.at(site, Role.COORDINATOR), cast.at(site, Role.INVESTIGATOR)
    participant = register_participant(by=coordinator, site=cast.sites[site], on=today())
    record_consent(by=coordinator, participant=participant, version="c1", given_on=today())
    visit = set_visit_day(by=coordinator, visit=participant.visits.get(), on=today())
    save_entry(by=investigator, visit=visit, form_key="intake", values={"age": "40", "thirsty": thirsty, "i1": "yes"})
    judge_eligibility(by=investigator, participant=participant)


# --- processes -------------------------------------------------------------------------------------------------------


def forked(work: Callable[[], None]) -> int:
    """The id of a new process that does this and no more; no connection to the database is shared with it."""
    connections.close_all()
    process = os.fork()
    if process:
        return process
    try:
        work()
    except BaseException:
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


@dataclass
class Slot:
    """One place in the crowd. ``left``: participants not yet answered. ``died_on``: whose request died last."""

    number: int
    left: list[str]
    notes: Path
    process: int = 0
    begun: int = 0
    died_on: str = ""

    def note(self, **said: Any) -> None:
        with self.notes.open("ab", buffering=0) as file:
            file.write(json.dumps(said).encode() + b"\n")

    def read(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.notes.read_text().splitlines()] if self.notes.exists() else []


@dataclass(frozen=True)
class Strike:
    """A kill from outside, when so many are answered, of a process at this stage, or of any."""

    answered: int
    stage: int | None


@dataclass
class Crowd:
    """``deaths``: participant -> the step at which the first request for them dies."""

    cast: Cast
    board: Board
    slots: list[Slot]
    strikes: list[Strike]
    deaths: dict[str, Death]
    random: Random
    killed: list[dict[str, Any]] = field(default_factory=list)

    def run(self) -> None:
        for slot in self.slots:
            self._start(slot)
        while any(slot.process for slot in self.slots):
            self._strike()
            ended, status = os.waitpid(-1, os.WNOHANG)
            if ended:
                self._ended(next(slot for slot in self.slots if slot.process == ended), status)
            else:
                time.sleep(0.001)

    def _start(self, slot: Slot) -> None:
        slot.begun = len(slot.read())
        slot.process = forked(lambda: self._serve(slot))

    def _ended(self, slot: Slot, status: int) -> None:
        slot.process = 0
        if not os.WIFSIGNALED(status):
            assert status == 0, f"process {slot.number} failed"
            return
        assert os.WTERMSIG(status) == signal.SIGKILL
        said = slot.read()
        answered = {each["answered"] for each in said if "answered" in each}
        slot.left = [number for number in slot.left if number not in answered]
        slot.died_on = said[-1].get("asked", "") if said else ""
        self._remember(slot)
        self._start(slot)

    def _remember(self, slot: Slot) -> None:
        place = self.board.read(slot.number)
        others = [self.board.read(other.number).stage for other in self.slots if other is not slot]
        told = {"stage": STAGES[place.stage], "step": place.step, "in_flight": slot.died_on}
        self.killed.append(told | {"others_waiting": others.count(WAITING)})

    def _strike(self) -> None:
        """Kill the process that the next strike is meant for, if its moment has come."""
        alive = [slot for slot in self.slots if slot.process]
        if not self.strikes or self._answered() < self.strikes[0].answered:
            return
        wanted = self.strikes[0].stage
        meant = [slot for slot in alive if wanted in (None, self.board.read(slot.number).stage)]
        if meant:
            self.strikes.pop(0)
            os.kill(self.random.choice(meant).process, signal.SIGKILL)

    def _answered(self) -> int:
        return sum(self.board.read(slot.number).answered for slot in self.slots)

    def _serve(self, slot: Slot) -> None:
        for number in slot.left:
            again = number == slot.died_on
            stood = standing(number) if again else None
            slot.note(asked=number)
            answer, steps = self._ask(slot, number, None if again else self.deaths.get(number))
            once_more = self._ask(slot, number, None)[0] if again else answer
            slot.note(answered=number, answer=answer, again=again, stood=stood, once_more=once_more, steps=steps)

    def _ask(self, slot: Slot, number: str, death: Death | None) -> tuple[Answer, int]:
        participant = Participant.objects.select_related("site").get(number=number)
        by = self.cast.at(participant.site.code, Role.COORDINATOR)
        answered = self.board.read(slot.number).answered
        with in_steps(Request(self.board, slot.number, answered, death)) as request:
            made = allocate(by=by, participant=participant, idempotency_key=f"key of {number}")
        return told_of(made), request.step


def told_of(made: Allocation) -> Answer:
    return [made.arm, made.row.stratum.key, made.row.position, made.pk]


def standing(number: str) -> Answer | None:
    """What the database says of a participant."""
    found = Allocation.objects.select_related("row__stratum").filter(participant__number=number).first()
    return told_of(found) if found else None


# --- the run ---------------------------------------------------------------------------------------------------------


def randomise(processes: str, seed: str, folder: str, meant: str) -> dict[str, Any]:
    """Randomise everybody while processes die: ``meant`` by their own hand at chosen steps, as many from outside."""
    numbers = list(Participant.objects.order_by("number").values_list("number", flat=True))
    random, board = Random(seed), Board(int(processes) + 1)  # noqa: S311  # chooses who dies when
    random.shuffle(numbers)
    cast = standing_cast()
    current_definition()
    first = Crowd(cast, board, [Slot(int(processes), numbers[:1], Path(folder) / "first")], [], {}, random)
    first.run()
    steps = first.slots[0].read()[-1]["steps"]
    numbers = numbers[1:]
    slots = [Slot(slot, numbers[slot :: int(processes)], Path(folder) / str(slot)) for slot in range(int(processes))]
    deaths = dict(zip(random.sample(numbers, int(meant)), deaths_over(steps, int(meant)), strict=True))
    began = time.perf_counter()
    crowd = Crowd(cast, board, slots, strikes_over(len(numbers), int(meant), random), deaths, random)
    crowd.run()
    said = [each for slot in [*first.slots, *slots] for each in slot.read() if "answered" in each]
    return {"steps": steps, "killed": crowd.killed, "said": said, "seconds": time.perf_counter() - began}


def deaths_over(steps: int, deaths: int) -> list[Death]:
    """A fifth at the commit, the others over all steps, before and after the database has done each."""
    at_commit = deaths // 5
    last = deaths - at_commit - 1
    spread = [Death(1 + turn * (steps - 2) // last, after=turn % 2 == 1) for turn in range(last + 1)]
    return [Death(COMMIT, after=turn % 2 == 1) for turn in range(at_commit)] + spread


def strikes_over(participants: int, strikes: int, random: Random) -> list[Strike]:
    """Spread over the run: a quarter of those who wait for a lock, a quarter of those who hold one, and of anybody."""
    moments = sorted(random.sample(range(participants // 50, participants * 9 // 10), strikes))
    stages = [WAITING, HOLDING, None, None] * (strikes // 4)
    random.shuffle(stages)
    return [Strike(answered, stage) for answered, stage in zip(moments, stages, strict=True)]


def examine() -> dict[str, Any]:
    """What stands in the database now."""
    listed = RandomizationList.objects.get()
    allocations = Allocation.objects.select_related("row__stratum", "participant").order_by("pk")
    noted = LedgerEntry.objects.filter(action="participant.randomised")
    return {
        "standing": [[each.participant.number, *told_of(each)] for each in allocations],
        "used": {stratum.key: stratum.used for stratum in listed.strata.all()},
        "cursors": {stratum.key: _cursors(stratum) for stratum in listed.strata.all()},
        "noted": Counter(noted.filter(new="allocated").values_list("participant", flat=True)),
        "arms_noted": dict(noted.filter(restricted=True).values_list("participant", "new")),
        "enrolled": Participant.objects.exclude(enrolled_on=None).count(),
        "visits": sorted(Participant.objects.values_list("number", "visits__slug")),
        "findings": [str(finding) for finding in list_findings(listed)],
        "faults": [fault for faults in verify().faults.values() for fault in faults],
    }


def _cursors(stratum: Stratum) -> list[int]:
    """Every place where the stratum's cursor has stood, as the history tells it."""
    return list(stratum.history.order_by("history_id").values_list("used", flat=True))


if __name__ == "__main__":
    commands: dict[str, Callable[..., dict[str, Any]]] = {
        "prepare": prepare,
        "randomise": randomise,
        "examine": examine,
    }
    command = commands[sys.argv[1]]
    print(json.dumps(command(*sys.argv[2:])))
