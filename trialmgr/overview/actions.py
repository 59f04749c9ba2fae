from __future__ import annotations

import hashlib

from audit.actions import action
from audit.acts import record
from trialmgr.participants.models import Participant
from trialmgr.people.models import Site, User
from trialmgr.studies.queries import current_definition


@action("trail.exported", permission="audit.view", works_when_locked=True)
def export_trail(*, by: User, asked: dict[str, str], entries: int) -> None:
    """Who took out which part of the trail. Source: ICH E6(R3) 4.2.2."""
    record(object_type="audit_trail", object_id="export", new=str(entries), detail={"filter": asked})


@action("calendar.exported", permission="visits.plan", site=lambda site, **_k: site, works_when_locked=True)
def export_calendar(*, by: User, site: Site, visits: int, participant: Participant | None = None) -> None:
    """Who took the planned visits of a site, or of one participant of it, along, and how many they saw.

    How many there are tells of the arm whoever sees the visits of an arm, so that such an entry is restricted.
    """
    number = participant.number if participant else ""
    record(
        object_type="calendar",
        object_id=number or site.code,
        site=site.code,
        participant=number,
        new=str(visits),
        restricted=not by.sight(current_definition()).blinded,
    )


@action("flow.exported", permission="overview.view", works_when_locked=True)
def export_flow(*, by: User, drawn: str) -> None:
    """Who took out the flow diagram; ``new`` is the SHA-256 of the file. Source: ICH E6(R3) 4.2.2.

    What the unblinded take out counts by arm, so that the digest of it would be another one had the arms been others.
    """
    record(
        object_type="recruitment",
        object_id="flow",
        new=hashlib.sha256(drawn.encode()).hexdigest(),
        restricted=not by.sight(current_definition()).blinded,
    )


@action(
    "casebook.printed",
    permission="participants.view",
    site=lambda participant, **_k: participant.site,
    works_when_locked=True,
)
def note_casebook(*, by: User, participant: Participant, paper: bytes) -> None:
    """Who took along a casebook, and the SHA-256 of the file. Source: ICH E6(R3) 4.2.2."""
    _note("casebook", by, participant, paper)


@action(
    "trail.printed", permission="audit.view", site=lambda participant, **_k: participant.site, works_when_locked=True
)
def note_trail(*, by: User, participant: Participant, paper: bytes) -> None:
    """Who took along the audit trail of a participant, and the SHA-256 of the file. Source: ICH E6(R3) 4.2.2."""
    _note("audit_trail", by, participant, paper)


def _note(kind: str, by: User, participant: Participant, paper: bytes) -> None:
    """What an unblinded person printed differs with the arm, and so does its digest."""
    record(
        object_type=kind,
        object_id=participant.number,
        site=participant.site.code,
        participant=participant.number,
        new=hashlib.sha256(paper).hexdigest(),
        restricted=not by.sight(current_definition()).blinded,
    )
