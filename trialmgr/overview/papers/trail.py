"""The audit trail of one participant on paper: the acts as on the page of the trail, as far as the person may read."""

from __future__ import annotations

import datetime
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

from django.utils.translation import gettext as _

from audit.pages import whole
from crf.places import spoken
from randomization.views.frames import moment
from trialmgr.overview.act_words import Block, Line, ToldAct, tell
from trialmgr.overview.papers.frames import Paper, printed
from trialmgr.overview.trail import readable
from trialmgr.participants.models import Participant
from trialmgr.people.models import User
from trialmgr.printing import typeset
from trialmgr.studies.queries import current_definition

TEMPLATE = Path(__file__).parents[1] / "templates/overview/trail/acts.typ"


def trail_paper(user: User, participant: Participant, at: datetime.datetime) -> bytes:
    """The PDF, in the language of the page; the same trail, printed at the same time, gives the same bytes."""
    title = _("Audit trail of participant %(number)s") % {"number": participant.number}
    return typeset(TEMPLATE, trail_document(user, participant, at), title=title, language=spoken(), at=at)


def trail_document(user: User, participant: Participant, at: datetime.datetime) -> Paper:
    """What stands on the paper, as plain data: the oldest act first.

    Without the running number for the blinded, to whom its gaps would tell.
    """
    definition = current_definition()
    begin = 1 if user.sight(definition).blinded else 0
    entries = readable(user, definition).filter(participant=participant.number).order_by("seq")
    acts = [whole(list(lines)) for _act, lines in groupby(entries, key=lambda entry: entry.act)]
    return {
        "study": definition.short_title,
        "kind": _("Participant %(number)s, audit trail") % {"number": participant.number},
        "made": printed(user, participant.site, at),
        "columns": [_("Entry"), _("What"), _("Old value"), _("New value")][begin:],
        "acts": [_act(act, begin) for act in tell(acts, user, definition, spoken())],
    }


def _act(act: ToldAct, begin: int) -> Paper:
    return {
        "label": "; ".join([act.act, *act.also]),
        "lines": list(_of_act(act)),
        "blocks": [_block(act, block, begin) for block in act.blocks],
    }


def _of_act(act: ToldAct) -> Iterator[str]:
    who = _("on behalf of %(name)s") % {"name": act.on_behalf_of} if act.on_behalf_of else act.roles
    yield f"{moment(act.at)}, {act.who}" + (f" ({who})" if who else "")
    if act.where:
        yield "; ".join(act.where)
    if act.reason:
        yield f"{_('Reason')}: {act.reason}"


def _block(act: ToldAct, block: Block, begin: int) -> Paper:
    followed = _("Followed from %(cause)s") % {"cause": block.cause} if block.cause else _("Followed from it")
    return {
        "cause": followed if block.is_consequence else "",
        "lines": [_line(act, line)[begin:] for line in block.lines],
    }


def _line(act: ToldAct, line: Line) -> list[str]:
    what = [line.item, line.act, line.where if line.where not in act.where[:1] else ""]
    new = [line.new or "–", *(f"{name}: {value}" for name, value in line.notes)]
    new += [f"{_('Reason')}: {line.reason}"] if line.reason else []
    return [str(line.number), "\n".join(filter(None, what)) or act.act, line.old or "–", "\n".join(new)]
