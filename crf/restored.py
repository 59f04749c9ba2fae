"""A draft back in the boxes of its form, by the version that counts now; and the choice where two differ."""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from django.utils import timezone
from django.utils.translation import gettext as _

from audit.models import LedgerEntry
from crf.drafts import KEPT, DraftPlace, Pair, Typing, drafts_of, opened
from crf.layout.boxes import item_label
from crf.layout.fields import shown_value
from crf.models import Draft
from crf.places import spoken
from crf.sheets import Sheet
from crf.trail import trail_of
from trialmgr.participants.queries import version_for
from trialmgr.protocol.model import Form, RowKey, StudyDefinition

SAVED = "saved"


def place_of(sheet: Sheet) -> DraftPlace:
    place = sheet.place
    version = sheet.begun.study_version if sheet.begun else version_for(place.participant, place.visit.took_place_on)
    return DraftPlace(place.visit, sheet.form, sheet.row or 0, version, begun=sheet.begun is not None)


def drafts_at(sheet: Sheet) -> list[Draft]:
    """What the person who looks typed here and has not saved, the newest first; nothing where they may not enter."""
    if not sheet.may_enter:
        return []
    rows = drafts_of(sheet.place.user, place_of(sheet)).filter(typed_at__gt=timezone.now() - KEPT)
    return list(rows.select_related("study_version").defer("study_version__document"))


def saved_in(sheet: Sheet) -> Typing:
    """What stands in the boxes of a form that nobody touched."""
    boxes = sheet.whole({})
    values = {key: value for key, value in sheet.data.items() if key in boxes}
    return Typing(values, {key: code for key, code in sheet.missing.items() if key in boxes})


def with_rows_of(sheet: Sheet, typings: Iterable[Typing]) -> Sheet:
    """The sheet with a box for each row in which something was typed."""
    keys = [key for typing in typings for key in typing.keys]
    return replace(sheet, sent=tuple(key for key in keys if RowKey.read(key)), wants_row=True)


def placed(sheet: Sheet, typing: Typing) -> Typing:
    """As far as this form, by the version that counts for it now, has boxes for it that this person meets."""
    boxes = {item.key for item in sheet.laid.items if not item.is_derived} - sheet.hidden
    values = {key: value for key, value in typing.values.items() if key in boxes and _offered(sheet, key, value)}
    return Typing(values, {key: code for key, code in typing.missing.items() if key in boxes}, typing.reason)


def unplaced(sheet: Sheet, draft: Draft, typing: Typing) -> list[str]:
    """What has no box any more since it was typed, in words: shown to its author, so that it is not lost in silence."""
    here, sight = placed(sheet, typing), sheet.place.sight
    definition = draft.study_version.definition
    form = definition.form(draft.form_key)
    gone = [key for key in typing.keys if typing.pair(key) != here.pair(key)]
    known = [key for key in gone if form.holds(key) and key not in sheet.hidden and sight.item(form.item(key))]
    return [f"{item_label(form, key, spoken())}: {_in_words(definition, form, key, typing.pair(key))}" for key in known]


def _offered(sheet: Sheet, key: str, value: str) -> bool:
    """Whether a code is still on its list; anything else can stand in a box."""
    item = sheet.form.item(key)
    codes = sheet.definition.codelist(item.codelist).codes if item.codelist else None
    return codes is None or codes.issuperset(value.split())


def _in_words(definition: StudyDefinition, form: Form, key: str, pair: Pair) -> str:
    value, reason = pair
    reasons = {entry.code: entry.label(spoken()) for entry in definition.missing_reasons.items}
    return shown_value(definition, form.item(key), value, spoken()) or reasons.get(reason, reason)


# --- where two differ -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Option:
    """One of the values between which to choose. ``source``: SAVED, or the token of a draft.

    ``is_before``: in that draft it stands as it was found, so nobody typed it there.
    """

    source: str
    text: str
    who: str
    at: datetime.datetime | None
    is_before: bool


@dataclass(frozen=True, slots=True)
class Difference:
    """A question with more than one value. ``picked``: the one that somebody changed, where only one did.

    ``is_asked``: two were changed, or one by somebody who saved it; all else goes into the box without a question.
    """

    key: str
    label: str
    options: tuple[Option, ...]
    picked: str
    is_asked: bool

    @property
    def name(self) -> str:
        return f"pick.{self.key}"


@dataclass(frozen=True, slots=True)
class _Source:
    """``base``: what stood when it was begun."""

    token: str
    typing: Typing
    base: Typing
    at: datetime.datetime | None


def differ(sheet: Sheet, drafts: list[Draft]) -> bool:
    """Whether there is anything to choose: another draft, or a save since this one was begun."""
    return len(drafts) > 1 or any(draft.revision != sheet.revision for draft in drafts)


def differences(sheet: Sheet, drafts: list[Draft]) -> list[Difference]:
    """The saved form and each draft side by side, question by question, in the order of the page."""
    typings = {draft.token: opened(draft) for draft in drafts}
    sheet = with_rows_of(sheet, typings.values())
    sources = list(_sources(sheet, drafts, typings))
    boxes = [key for key in sheet.whole({}) if len({source.typing.pair(key) for source in sources}) > 1]
    saved = {line.item: line for line in trail_of(sheet.place, sheet.row or 0).filter(item__in=boxes)}
    return [_difference(sheet, key, sources, saved.get(key)) for key in boxes]


def chosen(sheet: Sheet, drafts: list[Draft], picks: Mapping[str, str]) -> Typing | None:
    """What stands in the boxes after the choice; None while one is wanting. ``picks``: source by name of choice."""
    typings = {draft.token: opened(draft) for draft in drafts} | {SAVED: saved_in(sheet)}
    pairs = {key: typings[drafts[0].token].pair(key) for key in typings[drafts[0].token].keys}
    for one in differences(sheet, drafts):
        source = picks.get(one.name, "") if one.is_asked else one.picked
        if source not in {option.source for option in one.options}:
            return None
        pairs[one.key] = typings[source].pair(one.key)
    values = {key: value for key, (value, _reason) in pairs.items() if value}
    missing = {key: reason for key, (_value, reason) in pairs.items() if reason}
    reasons = [typing.reason for typing in typings.values() if typing.reason != ("", "")]
    return Typing(values, missing, reasons[0] if reasons else ("", ""))


def _sources(sheet: Sheet, drafts: list[Draft], typings: Mapping[str, Typing]) -> Iterator[_Source]:
    first = min(draft.revision for draft in drafts)
    yield _Source(SAVED, saved_in(sheet), _stood(sheet, first), None)
    for draft in drafts:
        typing = placed(sheet, typings[draft.token])
        yield _Source(draft.token, typing, _stood(sheet, draft.revision), draft.typed_at)


def _stood(sheet: Sheet, revision: int) -> Typing:
    """What was saved at that revision."""
    row = sheet.entry.history.filter(revision=revision).order_by("history_id").last() if sheet.entry else None
    return Typing(*row.instance.boxes) if row else Typing({}, {})


def _difference(sheet: Sheet, key: str, sources: list[_Source], line: LedgerEntry | None) -> Difference:
    options: dict[Pair, Option] = {}
    for source in sources:
        options.setdefault(source.typing.pair(key), _option(sheet, key, source, line))
    changed = {source.typing.pair(key) for source in sources if source.typing.pair(key) != source.base.pair(key)}
    is_saved = sources[0].typing.pair(key) in changed
    offered = tuple(option for pair, option in options.items() if is_saved or pair in changed)
    picked = options[next(iter(changed))].source if len(changed) == 1 else ""
    return Difference(key, item_label(sheet.form, key, spoken()), offered, picked, is_saved or len(changed) > 1)


def _option(sheet: Sheet, key: str, source: _Source, line: LedgerEntry | None) -> Option:
    """``line``: of the trail, where it says who saved the value."""
    pair = source.typing.pair(key)
    text = _in_words(sheet.definition, sheet.form, key, pair) or _("no value")
    if source.token == SAVED:
        return Option(SAVED, text, line.actor if line else "–", line.at if line else None, is_before=False)
    return Option(source.token, text, _("you"), source.at, is_before=pair == source.base.pair(key))
