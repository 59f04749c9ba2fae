from __future__ import annotations

import hashlib

from audit.actions import action
from audit.acts import record
from trialmgr.people.models import User


@action("trail.exported", permission="audit.view", works_when_locked=True)
def export_trail(*, by: User, asked: dict[str, str], entries: int) -> None:
    """Who took out which part of the trail. Source: ICH E6(R3) 4.2.2."""
    record(object_type="audit_trail", object_id="export", new=str(entries), detail={"filter": asked})


@action("flow.exported", permission="overview.view", works_when_locked=True)
def export_flow(*, by: User, drawn: str) -> None:
    """Who took out the flow diagram; ``new`` is the SHA-256 of the file. Source: ICH E6(R3) 4.2.2."""
    record(object_type="recruitment", object_id="flow", new=hashlib.sha256(drawn.encode()).hexdigest())
