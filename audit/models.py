"""Tracked rows, of which django-simple-history keeps who acted, why, and in which act; the ledger; what came once."""

from __future__ import annotations

from collections.abc import Collection
from functools import cache
from typing import Any, NoReturn, Self, TypeVar

from django.db import models
from django.db.models.functions import Coalesce
from django.utils.translation import gettext_lazy as _
from simple_history.manager import HistoryManager
from simple_history.models import HistoricalRecords

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


M = TypeVar("M", bound=models.Model, covariant=True)
Condition = tuple[str, Any]
"""A lookup and its value, as ``filter`` takes them."""
SHEET = 1024
"""Entries on a sheet of the trail; a number, since indexes in the database stand on it."""


class Sheet(models.Func):
    """On which sheet an entry stands, written as the indexes have it: with a value beside it, SQLite takes none."""

    template = f"(%(expressions)s / {SHEET})"
    output_field = models.BigIntegerField()


class TrackedQuerySet(models.QuerySet[M]):
    """Rows change one at a time, through ``save`` inside an action, so that each change leaves its history."""

    def _refuse(self, *_args: Any, **_kwargs: Any) -> NoReturn:
        raise TypeError(f"{self.model.__name__} is tracked: change rows one by one through an action")

    update = _refuse
    delete = _refuse
    bulk_create = _refuse
    bulk_update = _refuse


class TrackedModel(models.Model):
    """A row whose every version is kept by django-simple-history and that only an action may write."""

    history = HistoricalRecords(
        inherit=True,
        bases=[HistoryRow],
        history_manager=HistoryRowManager,
        get_user=acting_user,
        history_user_id_field=models.CharField(max_length=40, null=True),
        history_user_getter=stored_user,
        history_user_setter=store_user,
    )

    class Meta:
        abstract = True

    def save(self, *args: Any, **kwargs: Any) -> None:
        current_act()
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise TypeError(f"{type(self).__name__} rows are never deleted")


class LedgerQuerySet(models.QuerySet["LedgerEntry"]):
    """What a person may read is held against each entry and looked up by no index.

    A database that believed otherwise would read a whole site to show one act; see ``besides``.
    """

    def open_part(self) -> Self:
        """What a blinded role may read."""
        return self.filter(restricted=False)

    def at_sites(self, codes: Collection[str], participants: Collection[str] = ()) -> Self:
        """Entries about these sites or participants alone; those about no site belong to the trial as a whole."""
        return self.besides(("site__in", codes), *([("participant__in", participants)] if participants else []))

    def of_forms(self, keys: Collection[str]) -> Self:
        """Entries about one of these forms, or about no form at all."""
        return self.besides(("form__in", ["", *keys]))

    def besides(self, *conditions: Condition) -> Self:
        """Entries that meet one of these, said so that no database takes an index for it."""
        hidden = models.Q(pk__in=())
        for lookup, value in conditions:
            hidden |= models.Q(**{f"its_{lookup}": value})
        names = {lookup.partition("__")[0] for lookup, _value in conditions}
        return self.alias(**{f"its_{name}": Coalesce(name, models.Value("")) for name in names}).filter(hidden)


class LedgerEntry(models.Model):
    """Who did what to which field, in which role, for which site, when, old, new and why.

    No foreign keys: names are copied, so that an entry stands whatever becomes of the rest. ``restricted`` entries
    reveal the allocation. ``salt`` hides the values behind a commitment in the hash, so that a later, justified
    redaction of stray personal data need not break the chain. Written by ``audit.ledger.append`` only.

    ``format``: which fields the hash covers. 1 lacks the following; 2 has them all. ``cause``: ``object_id`` of what a
    consequence follows from; then ``actor`` is the system and ``on_behalf_of`` the person whose act it was. ``means``:
    see ``Means``. ``seal``: hex root over the rows that the act wrote for this line, or "".
    """

    seq = models.BigIntegerField(_("number"), primary_key=True)
    act = models.CharField(max_length=32)
    at = models.DateTimeField(_("time"))
    actor_id = models.CharField(max_length=40)
    actor = models.CharField(_("who"), max_length=150)
    roles = models.CharField(_("role"), max_length=200, blank=True)
    action = models.CharField(_("act"), max_length=60)
    object_type = models.CharField(_("kind"), max_length=40)
    object_id = models.CharField(_("which"), max_length=120)
    site = models.CharField(_("site"), max_length=8, blank=True)
    participant = models.CharField(_("participant"), max_length=30, blank=True)
    visit = models.CharField(_("visit"), max_length=60, blank=True)
    form = models.CharField(_("form"), max_length=40, blank=True)
    occurrence = models.CharField(_("row"), max_length=10, blank=True)
    item = models.CharField(_("item"), max_length=90, blank=True)
    # No value and an empty value are different facts here.
    old = models.TextField(_("old value"), null=True)  # noqa: DJ001
    new = models.TextField(_("new value"), null=True)  # noqa: DJ001
    reason = models.TextField(_("reason"), blank=True)
    detail = models.JSONField(_("detail"), default=dict)
    restricted = models.BooleanField(default=False)
    format = models.PositiveSmallIntegerField(default=1)
    cause = models.CharField(_("cause"), max_length=120, blank=True, default="")
    on_behalf_of = models.CharField(_("on behalf of"), max_length=150, blank=True, default="")
    means = models.CharField(_("by means of"), max_length=10, blank=True, default="")
    seal = models.CharField(max_length=64, blank=True, default="")
    salt = models.CharField(max_length=32)
    hash = models.CharField(max_length=64)

    append_only = True
    objects = LedgerQuerySet.as_manager()

    class Meta:
        ordering = ["seq"]
        verbose_name = _("audit trail entry")
        verbose_name_plural = _("audit trail")
        # In the order of the trail as far as a page needs it, and of equal keys: those a database stores but once.
        indexes = [
            models.Index(fields=["act"], name="ledger_act"),
            models.Index(fields=["at"], name="ledger_at"),
            models.Index(fields=["participant"], name="ledger_participant"),
            models.Index("actor_id", models.F("seq") / SHEET, name="ledger_actor"),
            models.Index("action", models.F("seq") / SHEET, name="ledger_action"),
            models.Index("site", models.F("seq") / SHEET, name="ledger_site"),
            models.Index("form", models.F("seq") / SHEET, name="ledger_form"),
        ]

    def __str__(self) -> str:
        return f"{self.seq} {self.action} {self.object_id}"


class OnceKey(models.Model):
    """What somebody sent, and what it made: sent again, it makes nothing twice. Kept a week; no record of the trial.

    ``key`` names what was sent and ``digest`` its content; ``model`` and ``made`` say which row came of it.
    """

    person = models.CharField(max_length=40)
    action = models.CharField(max_length=60)
    key = models.CharField(max_length=64)
    digest = models.CharField(max_length=64)
    at = models.DateTimeField(db_index=True)
    model = models.CharField(max_length=60, blank=True)
    made = models.CharField(max_length=40, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["person", "action", "key"], name="one_act_a_key")]

    def __str__(self) -> str:
        return f"{self.person} {self.action} {self.made}"


class LedgerHead(models.Model):
    """One row: the number and hash of the newest entry. Locked while entries are appended, so there is no gap."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    seq = models.BigIntegerField(default=0)
    hash = models.CharField(max_length=64, default="0" * 64)

    class Meta:
        constraints = [models.CheckConstraint(condition=models.Q(id=1), name="ledger_has_one_head")]

    def __str__(self) -> str:
        return f"{self.seq} {self.hash}"
