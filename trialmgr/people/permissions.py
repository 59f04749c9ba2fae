"""Who may do what: the permissions of each role. Whether the state of a thing allows it is for the policies.

Source: ICH E6(R3) 4.3.8 (least privilege by duty and blinding), 3.16.1(i) (the sponsor's roles never change what a
site entered). Which forms a role may enter stands in the study definition (``entered_by``).
"""

from __future__ import annotations

import enum

from django.utils.translation import gettext_lazy as _


class Role(enum.StrEnum):
    COORDINATOR = "coordinator"
    INVESTIGATOR = "investigator"
    RATER = "rater"
    MONITOR = "monitor"
    DATA_MANAGER = "data_manager"
    STATISTICIAN = "statistician"
    UNBLINDED_STATISTICIAN = "unblinded_statistician"
    TREATING_TEAM = "treating_team"
    INSPECTOR = "inspector"
    ADMINISTRATOR = "administrator"


ROLE_LABELS = {
    Role.COORDINATOR: _("Coordinator"),
    Role.INVESTIGATOR: _("Investigator"),
    Role.RATER: _("Rater (blinded)"),
    Role.MONITOR: _("Monitor"),
    Role.DATA_MANAGER: _("Data manager"),
    Role.STATISTICIAN: _("Statistician (blinded)"),
    Role.UNBLINDED_STATISTICIAN: _("Statistician (unblinded)"),
    Role.TREATING_TEAM: _("Treating team or pharmacist (unblinded)"),
    Role.INSPECTOR: _("Inspector"),
    Role.ADMINISTRATOR: _("Administrator"),
}


def role_labels(names: str) -> str:
    """Roles as an entry of the audit trail keeps them, with commas, as people read them; the installation's as kept."""
    labels = {role.value: str(label) for role, label in ROLE_LABELS.items()}
    return ", ".join(labels.get(name, name) for name in names.split(",") if name)


# Roles that work at a site; the others serve the whole trial.
SITE_ROLES = frozenset({Role.COORDINATOR, Role.INVESTIGATOR, Role.RATER, Role.TREATING_TEAM})

_LOOK = frozenset({"participants.view", "entries.view"})
_AT_SITE = _LOOK | {"entries.enter", "queries.view", "queries.answer"}

PERMISSIONS: dict[Role, frozenset[str]] = {
    Role.COORDINATOR: _AT_SITE
    | {
        "participants.register",
        "participants.consent",
        "participants.contact",
        "participants.end",
        "participants.reopen",
        "participants.void",
        "participants.randomise",
        "visits.plan",
        "queries.assign",
        "allocation.view",
        "allocation.correct",
        "allocation.flag",
        "audit.view",
        "overview.view",
        "sites.view",
    },
    Role.INVESTIGATOR: _AT_SITE
    | {
        "participants.register",
        "participants.consent",
        "participants.contact",
        "participants.end",
        "participants.reopen",
        "participants.void",
        "participants.randomise",
        "participants.judge",
        "participants.gate",
        "visits.plan",
        "queries.assign",
        "entries.sign",
        "allocation.view",
        "allocation.correct",
        "allocation.flag",
        "allocation.countersign",
        "allocation.break",
        "audit.view",
        "overview.view",
        "sites.view",
    },
    Role.RATER: _AT_SITE | {"visits.plan"},
    Role.TREATING_TEAM: _AT_SITE | {"visits.plan", "allocation.view", "allocation.break"},
    Role.MONITOR: _LOOK
    | {
        "queries.view",
        "queries.raise",
        "queries.close",
        "queries.assign",
        "entries.verify",
        "allocation.view",
        "breaks.view",
        "audit.view",
        "overview.view",
        "sites.view",
    },
    Role.DATA_MANAGER: _LOOK
    | {
        "queries.view",
        "queries.raise",
        "queries.close",
        "queries.assign",
        "entries.freeze",
        "participants.reopen",
        "participants.void",
        "participants.move",
        "allocation.view",
        "allocation.countersign",
        "breaks.view",
        "breaks.notice",
        "lists.limit",
        "audit.view",
        "overview.view",
        "sites.view",
        "study.publish",
        "study.approve",
        "study.view",
        "entries.migrate",
        "lists.activate",
        "study.lock",
        "releases.make",
        "releases.view",
    },
    Role.STATISTICIAN: frozenset({"overview.view", "study.view"}),
    Role.UNBLINDED_STATISTICIAN: frozenset(
        {
            "overview.view",
            "study.view",
            "study.approve",
            "lists.make",
            "lists.view",
            "lists.activate",
            "allocation.view",
            "breaks.view",
            "breaks.notice",
            "releases.view",
        }
    ),
    Role.INSPECTOR: _LOOK
    | {
        "queries.view",
        "allocation.view",
        "breaks.view",
        "audit.view",
        "overview.view",
        "sites.view",
        "study.view",
        "releases.view",
        "people.view",
    },
    Role.ADMINISTRATOR: frozenset({"people.view", "people.manage", "study.view", "sites.manage"}),
}

# Duties that one person may not hold together. Source: EMA guideline, annex 3 (segregation of duties).
APART = (
    (frozenset({Role.ADMINISTRATOR}), SITE_ROLES | {Role.MONITOR, Role.DATA_MANAGER}),
    (frozenset({Role.MONITOR}), SITE_ROLES | {Role.DATA_MANAGER}),
    (frozenset({Role.DATA_MANAGER}), SITE_ROLES),
)


def known_permissions() -> frozenset[str]:
    return frozenset().union(*PERMISSIONS.values())
