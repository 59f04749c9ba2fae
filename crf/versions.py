"""Which version of the study one visit follows: the one in force at the participant's site on the day it belongs to.

That is the day the visit took place; today for one still to come, and for the running log. What was begun keeps the
version under which it was begun: an entry knows its own.
"""

from __future__ import annotations

import datetime

from trialmgr.participants.models import Participant
from trialmgr.protocol.model import StudyDefinition, VisitDefinition
from trialmgr.studies.clock import today
from trialmgr.studies.models import StudyVersion
from trialmgr.studies.queries import current_definition, timeline


def version_for(participant: Participant, day: datetime.date | None) -> StudyVersion:
    """``day``: the day a visit took place, or None. With one version in force nobody asks for the site."""
    known = timeline()
    return known.only or known.at(participant.site.code, day or today())


def definition_for(participant: Participant, day: datetime.date | None) -> StudyDefinition:
    return version_for(participant, day).definition


def planned_as(participant: Participant, key: str, day: datetime.date | None) -> VisitDefinition:
    """A visit as its own version has it; one that this version dropped, as it last was."""
    definition = definition_for(participant, day)
    return definition.visit(key) if definition.has_visit(key) else current_definition().visit(key)
