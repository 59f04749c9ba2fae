"""A whole rehearsal: all stories, told side by side in the order of their days."""

from __future__ import annotations

import datetime
import heapq
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.db import transaction
from django.utils.translation import override

from audit.acts import ActionRefused
from randomization.models import Allocation
from trialmgr.overview.rehearsal.cast import Cast, put_list_in_force, set_up, standing_cast
from trialmgr.overview.rehearsal.invention.profile import load_profile
from trialmgr.overview.rehearsal.stage import Stage
from trialmgr.overview.rehearsal.story import Story
from trialmgr.participants.models import Participant
from trialmgr.people.models import Site
from trialmgr.protocol.loader import STUDY_FILE, load_study
from trialmgr.protocol.model import RecruitmentPlan, StudyDefinition
from trialmgr.studies.clock import pretend, today
from trialmgr.studies.models import StudyVersion
from trialmgr.studies.queries import current_definition, one_version

DEFAULT_STUDY = "reset_trd"
SLACK_DAYS = 150  # late visits and the last paperwork, after the last planned day
PLAN_DAYS = 3 * 365
STEPS_A_TRANSACTION = 50


@dataclass(frozen=True, slots=True)
class Progress:
    """``day``: how far the invented trial has come, between ``begin`` and ``end``."""

    day: datetime.date
    begin: datetime.date
    end: datetime.date
    registered: int
    finished: int


@dataclass(frozen=True, slots=True)
class Span:
    begin: datetime.date
    end: datetime.date


def check_may_rehearse() -> None:
    """Invented participants never mix with real ones: a demo installation, and an empty one."""
    reasons = []
    if not settings.TRIALMGR_DEMO:
        reasons.append("This is no demo installation: set TRIALMGR_DEMO=1, with a database of its own in DATABASE_URL.")
    if Participant.objects.exists():
        reasons.append("This installation has participants already: rehearse in a new, empty database (DATABASE_URL).")
    if reasons:
        raise ActionRefused(*reasons)


def rehearse(
    *,
    participants: int,
    seed: int,
    ongoing: bool = False,
    study: str | None = None,
    password: str | None = None,
    report: Callable[[Progress], None] = lambda progress: None,
) -> Span:
    """Invent a trial with so many participants; the same seed, study and span give the same trial.

    To its end, or with ``ongoing`` up to today. ``study``: the name of one that comes with trialmgr, or a folder; where
    a study is in force already, only that one. ``password``: with which the cast, if it must be made, signs in.
    Raises ActionRefused, with every reason, where no rehearsal may be.
    """
    check_may_rehearse()
    with override(settings.LANGUAGE_CODE), one_version():
        folder = study_folder(study or _study_in_force() or DEFAULT_STUDY)
        profile = load_profile(folder)
        plan_from = today() - datetime.timedelta(days=profile.recruitment_days) if ongoing else None
        cast = _cast(folder, password, str(seed), plan_from)
        stage = Stage(current_definition(), cast, profile, seed)
        span = _span(stage, ongoing)
        stories = list(_stories(stage, participants, span.begin))
        _tell(stories, span, report)
    return span


def study_folder(name: str) -> Path:
    """The folder of a study that comes with trialmgr, or any other by its path. ActionRefused when there is none."""
    for folder in (Path(settings.TRIALMGR_STUDIES) / name, Path(name)):
        if (folder / STUDY_FILE).is_file():
            return folder
    known = ", ".join(sorted(path.parent.name for path in Path(settings.TRIALMGR_STUDIES).glob(f"*/{STUDY_FILE}")))
    raise ActionRefused(f"There is no study “{name}”. Name a folder, or one of: {known}.")


def _study_in_force() -> str | None:
    return current_definition().id if StudyVersion.objects.exists() else None


def _cast(folder: Path, password: str | None, seed: str, plan_from: datetime.date | None) -> Cast:
    """``plan_from``: where the study is put in force here and has no plan of recruitment, an invented one begins."""
    definition, in_force = load_study(folder), _study_in_force()
    if in_force is None:
        planned = definition if plan_from is None else with_plan(definition, plan_from)
        with transaction.atomic():
            return set_up(planned, password=password, seed=seed)
    if in_force != definition.id:
        raise ActionRefused(
            f"The study in force here is {in_force}: rehearse {definition.id} in a new, empty database (DATABASE_URL)."
        )
    cast = standing_cast()
    if definition.is_randomised:
        put_list_in_force(cast, seed)
    return cast


def with_plan(definition: StudyDefinition, begin: datetime.date) -> StudyDefinition:
    """The study with an invented plan of recruitment: one site a month begins, each with its share of the target."""
    if definition.recruitment is not None:
        return definition
    share, over = divmod(definition.target_participants, len(definition.sites))
    sites = tuple(
        site.model_copy(
            update={
                "target": max(share + (number < over), 1),
                "begins": (begin + number * datetime.timedelta(days=30)).isoformat(),
            }
        )
        for number, site in enumerate(definition.sites)
    )
    ends = (begin + datetime.timedelta(days=PLAN_DAYS)).isoformat()
    return definition.model_copy(update={"sites": sites, "recruitment": RecruitmentPlan(ends=ends)})


def _span(stage: Stage, ongoing: bool) -> Span:
    """The whole trial begins when the study came into force, or as late as it must to be over by today."""
    recruitment = datetime.timedelta(days=stage.profile.recruitment_days)
    if ongoing:
        return Span(today() - recruitment, today())
    length = recruitment + datetime.timedelta(days=_longest(stage.definition) + SLACK_DAYS)
    begin = min(datetime.date.fromisoformat(stage.definition.valid_from), today() - length)
    return Span(begin, begin + length)


def _longest(definition: StudyDefinition) -> int:
    """Days from registration to the last planned visit, if every phase opened after the one before."""
    last: dict[str, int] = {}
    for visit in definition.visits:
        anchor = visit.phase if visit.anchor == "phase" else visit.anchor
        last[anchor] = max(last.get(anchor, 0), max(visit.occurrences()) + visit.window.after)
    return sum(last.values())


def _stories(stage: Stage, participants: int, begin: datetime.date) -> Iterator[Story]:
    drawn = random.Random(f"{stage.seed}/recruitment")  # noqa: S311  invention, not secrecy
    sites: list[Site] = [stage.cast.sites[code] for code in sorted(stage.cast.sites)]
    days = sorted(drawn.randrange(stage.profile.recruitment_days) for _participant in range(participants))
    for number, day in enumerate(days, start=1):
        yield Story(stage, number, drawn.choice(sites), begin + datetime.timedelta(days=day))


def _tell(stories: list[Story], span: Span, report: Callable[[Progress], None]) -> None:
    """Always the step of the earliest day next, each on the day it names; many steps share one transaction."""
    lives = [story.life() for story in stories]
    waiting = [(next(life), number) for number, life in enumerate(lives)]
    heapq.heapify(waiting)
    finished = 0
    while waiting and waiting[0][0] <= span.end:
        with transaction.atomic():
            for _step in range(STEPS_A_TRANSACTION):
                if not waiting or waiting[0][0] > span.end:
                    break
                day, number = heapq.heappop(waiting)
                with pretend(day):
                    following = next(lives[number], None)
                if following is None:
                    finished += 1
                else:
                    heapq.heappush(waiting, (following, number))
        registered = sum(hasattr(story, "participant") for story in stories)
        report(Progress(day, span.begin, span.end, registered, finished))


def counts() -> dict[str, int]:
    """Participants by state, and allocations."""
    states = list(Participant.objects.values_list("status", flat=True))
    return {state: states.count(state) for state in sorted(set(states))} | {"allocations": Allocation.objects.count()}
