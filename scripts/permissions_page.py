"""Writes docs/permissions.md from trialmgr/people/permissions.py. A test compares the two."""

import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from trialmgr.people.permissions import APART, PERMISSIONS, SITE_ROLES, Role, known_permissions  # noqa: E402

PAGE = ROOT / "docs/permissions.md"

MEANINGS = {
    "allocation.break": "break the code of one participant in an emergency, in a blinded role too",
    "allocation.correct": "correct a stratum that was wrong at the allocation",
    "allocation.countersign": "countersign that somebody was randomised in error, or that the flag is withdrawn",
    "allocation.flag": "flag a participant as randomised in error; ask to withdraw the flag",
    "allocation.view": "see the arm of a participant (never a role that the study definition blinds)",
    "audit.view": "read, print and export the audit trail",
    "breaks.notice": "acknowledge a code break: the sponsor knows",
    "breaks.view": "read the log of code breaks (never a role that the study definition blinds)",
    "entries.enter": "enter the forms that the study definition gives to the role",
    "entries.freeze": "freeze and unfreeze a form, visit, casebook or site",
    "entries.sign": "sign forms",
    "entries.verify": "verify values against their source",
    "entries.view": "read forms, as far as the role sees them",
    "lists.activate": "put a randomisation list in force, made by somebody else",
    "lists.limit": "set caps, stop randomisation for a while and let it go on",
    "entries.migrate": "move entries to a newer study version",
    "lists.make": "make a randomisation list",
    "lists.view": "see how a randomisation list stands",
    "overview.view": "see recruitment and the flow diagram, and take the diagram along",
    "participants.consent": "record, correct and withdraw consent",
    "participants.contact": "read, save and erase contact details",
    "participants.end": "end participation",
    "participants.gate": "decide whether a phase opens",
    "participants.judge": "judge eligibility, weigh deviations, confirm a judgement that the values contradict",
    "participants.randomise": "randomise",
    "participants.register": "register a participant",
    "participants.void": "void a registration that should never have been made",
    "participants.move": "move a participant to another site",
    "participants.reopen": "undo an end of participation that was recorded in error",
    "participants.view": "see the participants",
    "people.manage": "make accounts, give and end roles",
    "people.view": "see accounts and roles",
    "queries.answer": "answer a query",
    "queries.assign": "assign a query to somebody whose turn it is",
    "queries.close": "close and reopen a query",
    "queries.raise": "raise a query",
    "queries.view": "read queries",
    "releases.make": "make a release of the locked data",
    "releases.view": "see and download releases",
    "sites.manage": "make, open and close sites",
    "sites.view": "see where the sites stand, and what is open",
    "study.lock": "lock the study",
    "study.approve": "approve a study version that somebody else proposed, and put it in force",
    "study.publish": "propose a study version",
    "study.view": "read the study definition",
    "visits.plan": "set, explain and take back the day of a visit, add an unscheduled one, record one as not done",
}


def page() -> str:
    return "\n".join([*_head(), *_table(), *_duties()]) + "\n"


def _head() -> Iterator[str]:
    yield "# Permissions"
    yield ""
    yield "Made by `python scripts/permissions_page.py` from `trialmgr/people/permissions.py`; a test compares the two."
    yield "Which forms a role enters and sees, and whether it is blinded, stands in the study definition:"
    yield "see [blinding](blinding.md). A role marked *site* is held at one or more sites and works there alone."
    yield ""


def _table() -> Iterator[str]:
    yield f"| | {' | '.join(_name(role) for role in Role)} |"
    yield f"|---|{'---|' * len(Role)}"
    yield f"| held at | {' | '.join('site' if role in SITE_ROLES else 'trial' for role in Role)} |"
    for permission in sorted(known_permissions()):
        marks = ("yes" if permission in PERMISSIONS[role] else "" for role in Role)
        yield f"| `{permission}`: {MEANINGS.get(permission, '')} | {' | '.join(marks)} |"
    yield ""


def _duties() -> Iterator[str]:
    yield "A monitor may be held at a site too. Duties that one person may not hold together:"
    yield ""
    for one, others in APART:
        names = ", ".join(_name(role) for role in Role if role in others)
        yield f"- {', '.join(_name(role) for role in Role if role in one)} with any of: {names}"


def _name(role: Role) -> str:
    return role.value.replace("_", " ")


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(f"{PAGE.relative_to(ROOT)} written")
