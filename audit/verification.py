"""``audit verify``: ledger, history and rows held against one another, each fault told in words.

Source: 21 CFR Part 11 11.10(a), "able to discern invalid or altered records".
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.db import connection, models

from audit import triggers
from audit.ledger import chain_faults
from audit.models import LedgerEntry, TrackedModel

Check = Callable[[], Iterator[str]]
_checks: dict[str, Check] = {}


@dataclass(frozen=True, slots=True)
class Report:
    """``faults``: name of the check -> every fault it found. ``entries``: ledger entries read."""

    entries: int
    faults: dict[str, list[str]]

    @property
    def is_whole(self) -> bool:
        return not any(self.faults.values())


def register(name: str, check: Check) -> None:
    """A later room adds what it can prove of its own rows."""
    _checks[name] = check


def verify() -> Report:
    checks: dict[str, Check] = {
        "ledger chain": chain_faults,
        "triggers": _trigger_faults,
        "history": _history_faults,
        **_checks,
    }
    return Report(LedgerEntry.objects.count(), {name: list(check()) for name, check in checks.items()})


def tracked_models() -> list[type[TrackedModel]]:
    return [model for model in apps.get_models() if issubclass(model, TrackedModel)]


def _trigger_faults() -> Iterator[str]:
    for name in triggers.missing(connection):
        yield f"the trigger {name} is missing: run python manage.py migrate"


def _history_faults() -> Iterator[str]:
    acts = set(LedgerEntry.objects.values_list("act", flat=True).distinct())
    for model in tracked_models():
        yield from _row_faults(model)
        yield from _act_faults(model, acts)


def _row_faults(model: type[TrackedModel]) -> Iterator[str]:
    """Every row equals its newest history row, and no history row stands without its row."""
    fields = [field.attname for field in model._meta.concrete_fields]
    newest: dict[Any, dict[str, Any]] = {}
    pk = model._meta.pk.attname
    for row in model.history.order_by("history_id").values("history_id", "act", *fields).iterator(chunk_size=2000):
        if not row["act"] and not _same(newest.get(row[pk]), {key: row[key] for key in fields}):
            yield f"{model._meta.label} history row {row['history_id']} belongs to no act"
        newest[row[pk]] = row
    for row in model._base_manager.order_by("pk").values(*fields).iterator(chunk_size=2000):
        if not _same(newest.pop(row[pk], None), row):
            yield f"{model._meta.label} {row[pk]} is not what its newest history row says"
    for key in newest:
        yield f"{model._meta.label} {key} stands in the history and not in its table"


def _same(historical: dict[str, Any] | None, row: dict[str, Any]) -> bool:
    # A sign-in may touch these outside any act; they are no trial data.
    loose = {"last_login", "password"}
    return historical is not None and all(
        _plain(historical[key]) == _plain(value) for key, value in row.items() if key not in loose
    )


def _plain(value: Any) -> Any:
    return bytes(value) if isinstance(value, memoryview) else value


def _act_faults(model: type[TrackedModel], acts: set[str]) -> Iterator[str]:
    rows: models.QuerySet[Any] = model.history.exclude(act="")
    for history_id, act in rows.values_list("history_id", "act").iterator(chunk_size=2000):
        if act not in acts:
            yield f"{model._meta.label} history row {history_id} belongs to no act in the ledger"
