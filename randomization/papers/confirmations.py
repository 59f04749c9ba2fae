"""The confirmation of an allocation, on its page and as a paper: for those who may know the arm, and for nobody else.

A blinded person gets none, not even a neutral one: whether and how a participant was randomised is answered to them in
one way everywhere, and what they need, the day of randomisation, stands with the participant.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import override

from audit.models import LedgerEntry
from randomization.methods.definition import factor_label
from randomization.methods.lists.rows import position_hash
from randomization.models import Allocation
from randomization.queries.lists import secret_of
from randomization.views.frames import Rows, moment
from trialmgr.printing import typeset
from trialmgr.protocol.model import Language, StudyDefinition

TEMPLATE = Path(__file__).parents[1] / "templates/randomization/confirmations.typ"


def confirmed(allocation: Allocation, definition: StudyDefinition, language: Language) -> Rows:
    """What was allocated to whom, when, by whom, in which strata."""
    levels = allocation.levels.items()
    strata = ", ".join(f"{factor_label(definition, factor, language)}: {level}" for factor, level in levels)
    return [
        {"key": _("Participant"), "value": allocation.participant.number},
        {"key": _("Arm"), "value": definition.arm(allocation.arm).label(language)},
        {"key": _("Randomised at"), "value": moment(allocation.allocated_at)},
        {"key": _("Randomised by"), "value": allocation.allocated_by},
        {"key": _("Site"), "value": allocation.participant.site.name},
        {"key": _("Strata as randomised"), "value": strata or "–"},
    ]


def proofs(allocation: Allocation) -> Rows:
    """By what it can be held against the list and the audit trail. Raises KeyUnusable or SealBroken."""
    stratum = allocation.row.stratum
    listed = stratum.list
    hashed = position_hash(
        secret_of(listed),
        trial_id=listed.manifest["trial_id"],
        purpose=listed.purpose,
        stratum_key=stratum.key,
        position=allocation.row.position,
    )
    entry = ledger_entry(allocation)
    return [
        {"key": _("Randomisation list"), "value": str(listed.number)},
        {"key": _("Commitment of the list"), "value": listed.commitment, "code": True},
        {"key": _("Hash of the place in the list"), "value": hashed, "code": True},
        {"key": _("Entry in the audit trail"), "value": str(entry.seq)},
        {"key": _("Hash of the entry"), "value": entry.hash, "code": True},
    ]


def ledger_entry(allocation: Allocation) -> LedgerEntry:
    """The restricted entry that holds the arm; every allocation has one."""
    number = allocation.participant.number
    entries = LedgerEntry.objects.filter(participant=number, object_type="allocation", item="arm")
    entry: LedgerEntry = entries.earliest("seq")
    return entry


def confirmation_paper(allocation: Allocation, definition: StudyDefinition, language: Language) -> bytes:
    """The PDF; the same allocation gives the same bytes, whenever it is printed."""
    with override(language):
        title = _("Allocation of participant %(number)s") % {"number": allocation.participant.number}
        paper = _paper(allocation, definition, language)
    return typeset(TEMPLATE, paper, title=title, language=language, at=allocation.allocated_at)


def _paper(allocation: Allocation, definition: StudyDefinition, language: Language) -> dict[str, Any]:
    return {
        "study": definition.short_title,
        "kind": _("Confidential: shows the arm"),
        "made": _("Randomised at %(moment)s") % {"moment": moment(allocation.allocated_at)},
        "rows": confirmed(allocation, definition, language),
        "proof": _("Proof"),
        "explained": _(
            "The commitment was published before the first participant. After the trial the secret of the list is "
            "revealed: by it anyone can make the commitment and the hash of the place again. The hash of the entry "
            "ties it into the chain of the audit trail."
        ),
        "proofs": proofs(allocation),
        "warning": _("Never show or tell this to a blinded rater. Keep it in the investigator's site file."),
    }
