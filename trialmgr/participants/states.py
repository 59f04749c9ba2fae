"""The states of a participant as data. The diagram in the documentation is generated from ``TRANSITIONS``."""

from __future__ import annotations

import enum

from django.utils.translation import gettext_lazy as _


class Status(enum.StrEnum):
    SCREENING = "screening"
    SCREEN_FAILURE = "screen_failure"
    ON_STUDY = "on_study"
    COMPLETED = "completed"
    ENDED_EARLY = "ended_early"
    VOIDED = "voided"


ACTIVE = (Status.SCREENING.value, Status.ON_STUDY.value)
"""Stored states of whoever has not ended."""

STATUS_LABELS = {
    Status.SCREENING: _("In screening"),
    Status.SCREEN_FAILURE: _("Screen failure"),
    Status.ON_STUDY: _("In the trial"),
    Status.COMPLETED: _("Completed"),
    Status.ENDED_EARLY: _("Ended early"),
    Status.VOIDED: _("Registration voided"),
}

# action -> (states it starts from, state it leads to)
TRANSITIONS: dict[str, tuple[frozenset[Status | None], Status]] = {
    "participant.registered": (frozenset({None}), Status.SCREENING),
    "participant.enrolled": (frozenset({Status.SCREENING}), Status.ON_STUDY),
    "participant.phase_opened": (frozenset({Status.ON_STUDY}), Status.ON_STUDY),
    # An ending may be corrected into another one of its kind: the end form was filled in wrongly.
    "participant.failed_screening": (frozenset({Status.SCREENING, Status.SCREEN_FAILURE}), Status.SCREEN_FAILURE),
    "participant.completed": (frozenset({Status.ON_STUDY, Status.COMPLETED, Status.ENDED_EARLY}), Status.COMPLETED),
    "participant.ended_early": (frozenset({Status.ON_STUDY, Status.COMPLETED, Status.ENDED_EARLY}), Status.ENDED_EARLY),
    # A decision that should not have been taken is taken back.
    "participant.phase_closed": (frozenset({Status.ON_STUDY}), Status.ON_STUDY),
    "participant.enrolment_undone": (frozenset({Status.ON_STUDY}), Status.SCREENING),
    # An ending that never was is undone.
    "participant.screening_reopened": (frozenset({Status.SCREEN_FAILURE}), Status.SCREENING),
    "participant.ending_undone": (frozenset({Status.COMPLETED, Status.ENDED_EARLY}), Status.ON_STUDY),
    # Nobody should have been registered: not for who was allocated, for an allocation stands.
    "participant.voided": (frozenset({Status.SCREENING, Status.SCREEN_FAILURE}), Status.VOIDED),
}

ENDED = frozenset({Status.SCREEN_FAILURE, Status.COMPLETED, Status.ENDED_EARLY})
FINAL = ENDED | {Status.VOIDED}

# How the coded item of an ``ends_participation`` form translates: code -> action for a randomised participant.
ENDINGS = {
    "completed": "participant.completed",
    "not_responder": "participant.completed",
    "screen_failure": "participant.failed_screening",
}


def ending(code: str, status: Status) -> str:
    """The transition for an end code. Before randomisation every ending is a screen failure."""
    if status in {Status.SCREENING, Status.SCREEN_FAILURE}:
        return "participant.failed_screening"
    return ENDINGS.get(code, "participant.ended_early")


def undoing(status: Status) -> str:
    """The transition that takes an ending back."""
    return "participant.screening_reopened" if status is Status.SCREEN_FAILURE else "participant.ending_undone"


def mermaid() -> str:
    """The state diagram as Mermaid text."""
    lines = ["stateDiagram-v2"]
    for action, (sources, target) in TRANSITIONS.items():
        lines += [f"    {source or '[*]'} --> {target}: {action}" for source in sorted(sources, key=str)]
    lines += [f"    {status} --> [*]" for status in Status if status in FINAL]
    return "\n".join(lines) + "\n"
