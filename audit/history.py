"""How django-simple-history learns who acted, why, and in which act."""

from __future__ import annotations

from functools import cache
from typing import Any

from django.db import models
from simple_history.manager import HistoryManager

from audit.acts import Actor, acting, current_act


class HistoryRow(models.Model):
    """Carried by every history table: the act that made the row, which the ledger names too."""

    act = models.CharField(max_length=32, blank=True, db_index=True)

    class Meta:
        abstract = True


class HistoryRowManager(HistoryManager):
    """Its class is made once; the library makes it anew at every access, which shows in each save."""

    @classmethod
    @cache
    def from_queryset(cls, queryset_class: type[models.QuerySet[Any]], class_name: str | None = None) -> Any:
        return super().from_queryset(queryset_class, class_name)


def acting_user(instance: models.Model, **_kwargs: Any) -> Actor | None:
    return current_act().actor if acting() else None


def stored_user(historical: Any) -> str | None:
    user_id: str | None = historical.history_user_id
    return user_id


def store_user(historical: Any, user: Actor | None) -> None:
    historical.history_user_id = user.actor_id if user is not None else None


def stamp_history_row(sender: Any, history_instance: Any, **_kwargs: Any) -> None:
    """Copy the act's identity and reason. A sign-in may touch a user row outside any act: then both stay empty.

    The hash of a password is left out: an old one would outlive its use, in a table that forgets nothing.
    """
    if hasattr(history_instance, "password"):
        history_instance.password = ""
    if acting():
        act = current_act()
        history_instance.act = act.id
        history_instance.history_change_reason = act.reason[:100] or None
