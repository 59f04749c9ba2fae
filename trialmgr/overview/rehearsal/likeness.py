"""What makes two rehearsals the same trial: all data, and neither the server's times nor its keys."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any

from django.db.models import QuerySet

from audit.ledger import canonical
from crf.models import (
    EligibilityDecision,
    FormEntry,
    Freeze,
    GateDecision,
    JudgementConfirmation,
    ProtocolDeviation,
    QueryMessage,
    Signature,
    Verification,
    Visit,
)
from randomization.models import Allocation
from trialmgr.participants.models import Consent, Participant

_VISIT = ("visit__participant__number", "visit__slug", "form_key", "occurrence")
_ENTRY = tuple(f"entry__{name}" for name in _VISIT)


def likeness() -> dict[str, list[dict[str, Any]]]:
    """The rows of the trial by kind, each in a fixed order."""
    kinds: dict[str, tuple[QuerySet[Any], tuple[str, ...]]] = {
        "participants": (
            Participant.objects.all(),
            ("number", "status", "phase", "registered_on", "enrolled_on", "ended_on"),
        ),
        "consents": (Consent.objects.all(), ("participant__number", "version", "given_on", "withdrawn_on")),
        "visits": (
            Visit.objects.all(),
            ("participant__number", "slug", "target_on", "took_place_on", "not_done_reason"),
        ),
        "entries": (FormEntry.objects.all(), (*_VISIT, "status", "revision", "data", "missing")),
        "allocations": (
            Allocation.objects.all(),
            ("participant__number", "arm", "row__stratum__key", "row__position"),
        ),
        "eligibility": (EligibilityDecision.objects.all(), ("participant__number", "eligible", "not_met")),
        "gates": (GateDecision.objects.all(), ("participant__number", "phase", "opened", "inputs")),
        "confirmations": (JudgementConfirmation.objects.all(), ("participant__number", "judgement", "reason")),
        "deviations": (
            ProtocolDeviation.objects.all(),
            ("visit__participant__number", "visit__slug", "rule", "about", "reason", "weight"),
        ),
        "queries": (
            QueryMessage.objects.order_by("pk"),
            (*(f"query__{name}" for name in _ENTRY), "query__number", "query__item", "query__status", "text"),
        ),
        "verifications": (Verification.objects.all(), (*_ENTRY, "item", "stands")),
        "signatures": (Signature.objects.all(), (*_ENTRY, "role", "meaning")),
        "freezes": (Freeze.objects.all(), ("participant__number",)),
    }
    return {kind: _sorted(rows.values(*fields)) for kind, (rows, fields) in kinds.items()}


def fingerprint() -> str:
    """Hex SHA-256 of the likeness: equal for equal trials."""
    return hashlib.sha256(canonical(likeness())).hexdigest()


def _sorted(rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    plain = [{name: _plain(value) for name, value in row.items()} for row in rows]
    return sorted(plain, key=canonical)


def _plain(value: Any) -> Any:
    return value.isoformat() if hasattr(value, "isoformat") else value
