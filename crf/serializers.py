"""The documents of the casebook, cut to the sight of whoever reads. Every field is named; none is a database id."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from rest_framework import serializers

from crf.actions import Saved
from crf.models import (
    EntryStatus,
    FormEntry,
    JudgementConfirmation,
    Query,
    QueryMessage,
    QueryStatus,
    Signature,
    Verification,
    Visit,
)
from trialmgr.people.api import ItemProblem
from trialmgr.people.visibility import Sight
from trialmgr.protocol.model import Form


class VisitSerializer(serializers.Serializer[Visit]):
    slug = serializers.CharField()
    key = serializers.CharField()
    ordinal = serializers.IntegerField()
    phase = serializers.CharField()
    target_on = serializers.DateField(allow_null=True)
    earliest_on = serializers.DateField(allow_null=True)
    latest_on = serializers.DateField(allow_null=True)
    took_place_on = serializers.DateField(allow_null=True)
    not_done_reason = serializers.CharField()


class SignatureSerializer(serializers.Serializer[Signature]):
    signed_by = serializers.CharField(source="signer_name")
    role = serializers.CharField()
    meaning = serializers.CharField()
    signed_at = serializers.DateTimeField()
    lapsed_at = serializers.DateTimeField(allow_null=True)


class VerificationSerializer(serializers.Serializer[Verification]):
    item = serializers.CharField()
    verified_by = serializers.CharField()
    verified_at = serializers.DateTimeField()
    stands = serializers.BooleanField()


class EntrySerializer(serializers.Serializer[Mapping[str, Any]]):
    """``values``: item key to canonical string, derived items included. ``missing``: item key to code of the reason."""

    participant = serializers.CharField()
    visit = serializers.CharField()
    form = serializers.CharField()
    row = serializers.IntegerField()
    status = serializers.ChoiceField(choices=[status.value for status in EntryStatus])
    revision = serializers.IntegerField()
    study_version = serializers.CharField()
    values = serializers.DictField(child=serializers.CharField())
    missing = serializers.DictField(child=serializers.CharField())
    open_queries = serializers.IntegerField()
    verifications = VerificationSerializer(many=True)
    signatures = SignatureSerializer(many=True)


class SavedSerializer(serializers.Serializer[Mapping[str, Any]]):
    """``warnings`` opened a query each; ``wanting``: items that keep the entry incomplete."""

    entry = EntrySerializer()
    changed = serializers.ListField(child=serializers.CharField())
    warnings = ItemProblem(many=True)
    wanting = serializers.ListField(child=serializers.CharField())


class MessageSerializer(serializers.Serializer[QueryMessage]):
    at = serializers.DateTimeField()
    by = serializers.CharField()
    text = serializers.CharField()


class QuerySerializer(serializers.Serializer[Query]):
    """``form``: "" for a visit as a whole. ``row`` and ``item``: null and "" where no entry is asked about.

    ``assigned_to``: user name of who is to deal with it; null also where that person no longer can.
    """

    participant = serializers.CharField(source="of_visit.participant.number")
    visit = serializers.CharField(source="of_visit.slug")
    form = serializers.CharField(source="of_form")
    row = serializers.IntegerField(allow_null=True)
    number = serializers.IntegerField()
    item = serializers.CharField()
    check = serializers.CharField(source="check_key")
    status = serializers.ChoiceField(choices=[status.value for status in QueryStatus])
    raised_at = serializers.DateTimeField()
    closed_at = serializers.DateTimeField(allow_null=True)
    assigned_to = serializers.CharField(source="assignee.username", default=None, allow_null=True)
    messages = MessageSerializer(many=True)


class ReadValueSerializer(serializers.Serializer[Mapping[str, Any]]):
    judged = serializers.CharField(allow_null=True)
    now = serializers.CharField(allow_null=True)


class ContradictionSerializer(serializers.Serializer[Mapping[str, Any]]):
    """``outcome``: null where a value is missing. ``values``: by ``visit.form.item``, those in sight that changed."""

    outcome = serializers.BooleanField(allow_null=True)
    not_met = serializers.ListField(child=serializers.CharField())
    values = serializers.DictField(child=ReadValueSerializer())


class ConfirmationSerializer(serializers.Serializer[JudgementConfirmation]):
    judgement = serializers.CharField()
    reason = serializers.CharField()
    confirmed_at = serializers.DateTimeField()
    confirmed_by = serializers.CharField()


class EligibilitySerializer(serializers.Serializer[Mapping[str, Any]]):
    """``contradiction``: what the values as they stand say otherwise, null where they don't or it was confirmed."""

    criteria_version = serializers.CharField()
    eligible = serializers.BooleanField()
    not_met = serializers.ListField(child=serializers.CharField())
    decided_at = serializers.DateTimeField()
    decided_by = serializers.CharField()
    contradiction = ContradictionSerializer(allow_null=True)


class GateSerializer(serializers.Serializer[Mapping[str, Any]]):
    phase = serializers.CharField()
    opened = serializers.BooleanField()
    rule = serializers.CharField()
    inputs = serializers.DictField(child=serializers.CharField(allow_null=True))
    decided_at = serializers.DateTimeField()
    decided_by = serializers.CharField()
    contradiction = ContradictionSerializer(allow_null=True)


def sight_of_items(form: Form, sight: Sight) -> Callable[[str], bool]:
    """Whether a person meets the item of this key; an item of a row by its key within the row."""
    return lambda key: form.has_item(key) and sight.item(form.item(key))


def entry_document(entry: FormEntry, sight: Sight) -> dict[str, Any]:
    """What ``EntrySerializer`` shows; items that reveal the allocation do not exist for a blinded person."""
    seen = sight_of_items(entry.form, sight)
    queries = [query for query in entry.queries.all() if seen(query.item) and query.status != QueryStatus.CLOSED]
    return {
        "participant": entry.participant.number,
        "visit": entry.visit.slug,
        "form": entry.form_key,
        "row": entry.occurrence,
        "status": entry.status,
        "revision": entry.revision,
        "study_version": entry.study_version.label,
        "values": {key: value for key, value in entry.data.items() if seen(key)},
        "missing": {key: code for key, code in entry.missing.items() if seen(key)},
        "open_queries": len(queries),
        "verifications": [row for row in entry.verifications.all() if seen(row.item)],
        "signatures": entry.signatures.all(),
    }


def saved_document(saved: Saved, sight: Sight, language: str) -> dict[str, Any]:
    seen = sight_of_items(saved.entry.form, sight)
    return {
        "entry": entry_document(saved.entry, sight),
        "changed": [key for key in saved.changed if seen(key)],
        "warnings": [
            {"item": warning.item_key, "check": warning.check_key, "message": warning.message(language)}
            for warning in saved.evaluation.warnings
            if warning.item_key and seen(warning.item_key)
        ],
        "wanting": [key for key in saved.evaluation.wanting if seen(key)],
    }
