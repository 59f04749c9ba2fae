"""How invented participants behave: what the file ``rehearsal.yaml`` of a study folder may say.

Nothing of one study stands in code. Shares are of participants, visits, forms or items, as the name says; a study
without the file is rehearsed on these defaults. Names of items are patterns, as ``systolic_*`` or ``madrs.*``.
"""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

FILE = "rehearsal.yaml"
T = TypeVar("T")
Share = Annotated[float, Field(ge=0, le=1)]
Spread = tuple[float, float]  # mean, standard deviation


class ProfileError(ValueError):
    """The file cannot be used; the message names the file and the place."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Course(_Part):
    """Integer items of ``forms`` follow one severity, a share of their range, that falls after the allocation.

    ``left``: what remains of the severity after ``days``, of those who respond and of the others.
    """

    forms: tuple[str, ...] = ()
    days: int = 56
    start: Spread = (0.56, 0.05)
    left_responder: Spread = (0.32, 0.08)
    left_other: Spread = (0.78, 0.12)
    relapse: Share = 0.15
    noise: float = 0.07


class Texts(_Part):
    """What invented people write where the system asks for words."""

    correction: tuple[str, ...] = ("Corrected after a look at the source.",)
    completion: tuple[str, ...] = ("Completed from the source.",)
    answer: tuple[str, ...] = ("Checked against the source; the value is right.",)
    close: tuple[str, ...] = ("Answer accepted.",)
    question: tuple[str, ...] = ("Does this value agree with the source?",)
    not_done: tuple[str, ...] = ("The participant could not come.",)
    removed: tuple[str, ...] = ("Entered twice by mistake.",)
    withdrawn: tuple[str, ...] = ("The participant no longer wants to take part.",)
    signature: tuple[str, ...] = ("I have reviewed this form.",)
    slip: tuple[str, ...] = ("Recorded in error.",)
    confirmed: tuple[str, ...] = ("Looked at again with the values as they are: the judgement stands.",)
    undecided: tuple[str, ...] = ("It was not measured, so the phase does not open.",)
    weighed: tuple[str, ...] = ("Discussed with the team.",)


class Rates(_Part):
    """How often something goes wrong, and is put right: of participants, visits or forms, as the name says."""

    odd_order: Share = 0.05  # of visits: their forms are entered in any order, also before those that they read
    corrected_late: Share = 0.05  # of forms that a judgement or a decision reads: corrected, mostly after it
    consent_day: Share = 0.03  # of participants: the day of consent, corrected
    visit_day: Share = 0.02  # of visits: the day, corrected
    not_done_undone: Share = 0.15  # of visits recorded as not done: they did take place
    form_cleared: Share = 0.01  # of forms: taken out, and filled in anew
    ending_undone: Share = 0.04  # of endings: undone, and recorded anew
    endpoint_missed: Share = 0.04  # of visits at which a phase is decided: not done, or without what the rule reads
    treatment_stopped: Share = 0.05  # of participants in a treatment that a form can stop


class Profile(_Part):
    recruitment_days: int = Field(default=425, ge=1)
    screen_failure: Share = 0.15
    drop_out: Share = 0.10
    responder: Share = 0.45
    visit_outside_window: Share = 0.06
    visit_not_done: Share = 0.03
    visit_recorded_later: Share = 0.20
    form_not_done: Share = 0.01
    form_completed_later: Share = 0.03
    form_corrected: Share = 0.04
    form_questioned: Share = 0.02
    item_missing: Share = 0.006
    item_surprising: Share = 0.004
    row_removed: Share = 0.03
    rows: dict[str, float] = {}  # repeating form -> mean number of rows in 100 days of treatment or follow-up
    group_rows: dict[str, tuple[int, int]] = {}  # group of questions with rows -> fewest and most rows
    optional: dict[str, Share] = {}  # form that a visit can do without -> share of visits that have it, 1 if left out
    unscheduled: float = 0.1  # mean number of unscheduled visits of each kind in 100 days
    unscheduled_visits: dict[str, float] = {}  # the same for one kind, where it differs
    course: Course = Course()
    typical: dict[str, tuple[float, float]] = {}  # item -> lowest and highest usual value
    rises: dict[str, tuple[float, float, float]] = {}  # item -> first value, step every second visit, highest
    follows: dict[str, str] = {}  # item -> expression over items before it on the form
    answered: dict[str, Share] = {}  # item that may stay empty -> share that answers
    yes: dict[str, Share] = {}
    weights: dict[str, dict[str, float]] = {}  # item -> code -> weight
    withdrawing: tuple[str, ...] = ()  # codes of the end of participation that also withdraw consent
    words: dict[str, tuple[str, ...]] = {}  # item -> texts to choose from
    texts: Texts = Texts()
    slips: Rates = Rates()


def load_profile(folder: Path) -> Profile:
    """The profile in a study folder, or the defaults where it has none. ProfileError when it cannot be used."""
    path = folder / FILE
    if not path.is_file():
        return Profile()
    try:
        return Profile.model_validate(YAML(typ="safe").load(path) or {})
    except YAMLError as error:
        raise ProfileError(f"{path.name}: {error}") from None
    except ValidationError as error:
        faults = (f"{path.name}: {'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.errors())
        raise ProfileError("\n".join(faults)) from None


def chosen(table: Mapping[str, T], form: str, item: str) -> T | None:
    """The first entry whose pattern names the item, alone or with its form."""
    for pattern, value in table.items():
        if fnmatchcase(f"{form}.{item}" if "." in pattern else item, pattern):
            return value
    return None
