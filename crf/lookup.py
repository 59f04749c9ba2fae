"""A participant's stored values as the expressions of the study definition ask for them."""

from __future__ import annotations

from functools import cached_property

from crf.models import EntryStatus, FormEntry
from crf.versions import key_names
from trialmgr.participants.models import Participant
from trialmgr.protocol.casebook import keys_called, sources, value_called
from trialmgr.protocol.key_names import KeyNames
from trialmgr.protocol.model import Form


class StoredValues:
    """``StoredValues(participant)(visit, form, item)`` gives the canonical value, or None; one query, when first asked.

    ``asked`` keeps what was read, so that a decision can record its inputs. ``visit`` is a key, or key-ordinal.
    ``read_by``: only what the rules of this form read is loaded, whatever else the casebook holds.
    """

    def __init__(self, participant: Participant, *, read_by: Form | None = None) -> None:
        self.participant = participant
        self._forms = None if read_by is None else {source.form for source in sources(read_by)}
        self.asked: dict[str, str | None] = {}

    @cached_property
    def _documents(self) -> dict[tuple[str, str], dict[str, str]]:
        entries = FormEntry.objects.filter(visit__participant=self.participant, occurrence=1)
        if self._forms is not None:
            entries = entries.filter(form_key__in=sorted(self._forms))
        rows = entries.exclude(status=EntryStatus.REMOVED.value).order_by()
        return {(slug, form): data for slug, form, data in rows.values_list("visit__slug", "form_key", "data")}

    @cached_property
    def _names(self) -> KeyNames:
        return key_names()

    def keys(self, visit: str, form: str) -> tuple[str, ...] | None:
        """The items that have a value on a form; None when it was never entered."""
        document = self._documents.get((visit, form))
        return None if document is None else keys_called(document, self._names, form)

    def __call__(self, visit: str, form: str, item: str) -> str | None:
        value = value_called(self._documents.get((visit, form), {}), self._names, form, item)
        self.asked[f"{visit}.{form}.{item}"] = value
        return value
