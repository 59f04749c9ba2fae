from __future__ import annotations

from argparse import ArgumentParser
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from audit.acts import ActionRefused
from audit.commands import Answer, RoomCommand, Subcommand
from crf.actions import expire_dead_drafts, settle_casebook
from crf.faults import Fault, casebook_faults, faults, unread_paths
from crf.judgements import contradicted, contradictions_among
from trialmgr.participants.models import Participant
from trialmgr.protocol.casebook import Unread
from trialmgr.studies.queries import NoStudyPublished, current_definition, open_lock

LOCKED = "The study is locked: this is only a report."


class Command(RoomCommand):
    help = "Casebooks: work each out from nothing, hold it against what is stored, settle what differs; old drafts."
    refusals = (NoStudyPublished,)

    def subcommands(self) -> Iterable[Subcommand]:
        yield Subcommand("verify", "Name everything that is stored otherwise than follows from the data.", verify)
        yield Subcommand(
            "settle",
            "Say what would follow, by participant; with --apply, let it follow.",
            settle,
            _apply,
            as_user=True,
        )
        yield Subcommand("drafts", "Throw away what was typed and not saved within a week, with a line each.", drafts)


def _apply(parser: ArgumentParser) -> None:
    parser.add_argument("--apply", action="store_true", help="store it, one act a participant; run again to go on")
    parser.add_argument("--reason", default="", metavar="TEXT", help="why; it stands in the audit trail")


def verify() -> Answer:
    """What counts as missing because of a version is no fault, and is said beside them."""
    found = [str(fault) for fault in faults()]
    missed = [_missed(number, one) for number, one in unread_paths()]
    lines = found or ["Every casebook is stored as it follows from the data and the audit trail."]
    return Answer((*lines, *missed), {"faults": found, "unread": missed}, done=not found)


def _missed(number: str, one: Unread) -> str:
    reader, entry = (f"{number}/{place.visit}/{place.form}/{place.row}" for place in (one.reader, one.entry))
    return f"{reader} reads {'.'.join(one.path)}: {entry} is of version {one.version}, which has no such item: missing"


def settle(*, by: Any, apply: bool, reason: str) -> Answer:
    """By participant; each act is whole, so what was settled stays so whenever this stops."""
    by.check_may("entries.migrate")
    found = _by_participant()
    contradictions = _contradictions()
    if apply and open_lock():
        raise ActionRefused(LOCKED)
    if apply:
        for participant in Participant.objects.filter(number__in=found).order_by("number"):
            settle_casebook(by=by, participant=participant, reason=reason)
    blinded = by.sight(current_definition()).blinded
    lines = [line for number, mine in found.items() for line in _lines(number, mine, blinded=blinded, apply=apply)]
    lines += contradictions + ([LOCKED] if open_lock() else [])
    data = {"applied": apply, "participants": {number: len(mine) for number, mine in found.items()}}
    return Answer(tuple(lines or ["Nothing follows."]), data | {"contradicted": contradictions})


def drafts() -> Answer:
    """Also those of people who may not enter or see it any more."""
    gone = expire_dead_drafts()
    return Answer((f"{gone} drafts thrown away.",), {"thrown_away": gone})


def _by_participant() -> Mapping[str, list[Fault]]:
    found: dict[str, list[Fault]] = defaultdict(list)
    for fault in casebook_faults():
        found[fault.place[0]].append(fault)
    return found


def _lines(number: str, mine: Sequence[Fault], *, blinded: bool, apply: bool) -> Iterable[str]:
    """What follows may tell the arm: a blinded person reads how much it is."""
    yield f"{number}: {len(mine)} {'settled' if apply else 'would be settled'}"
    yield from () if blinded else (f"  {fault}" for fault in mine)


def _contradictions() -> list[str]:
    """Left to whoever judged: the work list tells them."""
    people = Participant.objects.select_related("site").order_by("number")
    return [f"{one.number}: {contradicted(found)}" for one, found in contradictions_among(people)]
